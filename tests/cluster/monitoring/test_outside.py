"""What is written and published outside of the cluster, in the words of Prometheus and Alertmanager themselves."""

from __future__ import annotations

from dataclasses import replace

import yaml

from infra.declaration.monitoring import Monitoring
from infra.foundation import RemoteWrite, Topic
from infra.foundation.aws.metrics import signing
from infra.foundation.aws.topics import receiver
from infra.observability.alertmanager_config import alertmanager_config
from infra.observability.prometheus_config import prometheus_config
from infra.observability.rules_file import rules_file
from tests.cluster.monitoring.tools import Promtool

URL, REGION = "https://metrics.example/workspaces/ws-1/api/v1/remote_write", "eu-central-1"
STORE = RemoteWrite(URL, signing(REGION))
TOPIC = Topic(receiver("arn:aws:sns:eu-central-1:123456789012:alerts", REGION))


def test_prometheus_knows_how_to_sign_what_it_writes(promtool: Promtool) -> None:
    config = prometheus_config(
        Monitoring(), "dev", "ml-platform", ["vision"], "alertmanager", devices=["ml-platform-devices"], store=STORE
    )
    files = {"prometheus.yml": config, "rules.yml": rules_file(Monitoring(), {"digits": "vision"})}
    for name, content in files.items():
        (promtool.folder / name).write_text(yaml.safe_dump(content))
    answer = promtool.run("check", "config", "--syntax-only", "prometheus.yml")
    assert answer.code == 0, answer.text


def test_alertmanager_knows_how_to_sign_what_it_publishes(promtool: Promtool) -> None:
    receivers = {"on-call": {"sns": {"topic": "alerts"}}}
    settings = Monitoring.model_validate({"receivers": receivers, "defaultReceiver": "on-call"})
    config = alertmanager_config(settings, "ml-platform", {"alerts": TOPIC})
    (promtool.folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    answer = replace(promtool, program="amtool").run("check-config", "alertmanager.yml")
    assert answer.code == 0, answer.text
