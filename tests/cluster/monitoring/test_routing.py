"""Who is told, in Alertmanager's own words."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from infra.declaration.monitoring import Monitoring
from infra.observability.alertmanager_config import alertmanager_config
from tests.cluster.monitoring.tools import Promtool

SETTINGS = {
    "receivers": {
        "vision-hook": {"webhook": {"url": "https://alerts.example/hook", "token": "hook-token"}},
        "post": {"email": {"to": "a@b.example", "sender": "c@d.example", "server": "smtp.example:587"}},
        "chat": {"slack": {"channel": "#ml", "url": "slack-url"}},
    },
    "routes": {"vision": "vision-hook", "platform": "post"},
    "defaultReceiver": "chat",
    "watchdog": "post",
}


@pytest.fixture
def amtool(promtool: Promtool) -> Promtool:
    document = alertmanager_config(Monitoring.model_validate(SETTINGS), "ml-platform")
    (promtool.folder / "alertmanager.yml").write_text(yaml.safe_dump(document))
    return replace(promtool, program="amtool")


def test_alertmanager_reads_every_kind_of_receiver(amtool: Promtool) -> None:
    answer = amtool.run("check-config", "alertmanager.yml")
    assert answer.code == 0, answer.text


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["team=vision", "alertname=GpuIdle"], "vision-hook"),
        (["team=platform", "alertname=NodeNotReady"], "post"),
        (["team=ml-platform", "alertname=DeploymentDown"], "post"),
        (["team=ml-platform-devices", "alertname=PodCrashLoops"], "post"),
        (["team=speech", "alertname=GpuIdle"], "chat"),
        (["team=platform", "alertname=Watchdog"], "post"),
    ],
)
def test_a_team_is_told_of_its_own(amtool: Promtool, labels: list[str], receiver: str) -> None:
    answer = amtool.run("config", "routes", "test", "--config.file=alertmanager.yml", *labels)
    assert answer.text.split() == [receiver]


def test_without_receivers_nobody_is_told() -> None:
    document = alertmanager_config(Monitoring(), "ml-platform")
    (nobody,) = document["receivers"]
    assert list(nobody) == ["name"]
    assert document["route"]["receiver"] == nobody["name"]
