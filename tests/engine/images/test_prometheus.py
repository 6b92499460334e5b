"""Alertmanager publishes with the role of its pod, which it would not find out by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests
import yaml

from infra.declaration.monitoring import Monitoring
from infra.foundation import Topic
from infra.foundation.aws.topics import receiver as topic_receiver
from infra.observability.alertmanager_config import alertmanager_config
from tests.engine.images.account import PORT, ROLE, TOKEN
from tests.engine.images.engine import Engine, WriteSecrets, address, output, wait_for
from tests.engine.images.services import mounted
from tests.waiting import eventually

ACCOUNT = f"http://account:{PORT}"
ARN = "arn:aws:sns:eu-central-1:123456789012:ml-platform-prod-alerts"
SETTINGS = {
    "receivers": {"on-call": {"sns": {"topic": "alerts"}}},
    "defaultReceiver": "on-call",
    "notifications": {"groupWait": "1s"},
}


def configuration() -> str:
    """The platform's own, but for where the topic answers."""
    topics = {"alerts": Topic(topic_receiver(ARN, "eu-central-1"))}
    document: dict[str, Any] = json.loads(
        json.dumps(alertmanager_config(Monitoring.model_validate(SETTINGS), "ml-platform", topics))
    )
    (receiver,) = [each for each in document["receivers"] if each["name"] == "on-call"]
    receiver["sns_configs"][0]["api_url"] = ACCOUNT
    return yaml.safe_dump(document)


def test_an_alert_is_published_with_the_role_of_the_pod(engine: Engine, write_secrets: WriteSecrets) -> None:
    folder = mounted(Path(__file__).parent, "/account")
    account = engine.start("base", "account", entrypoint=["python3", "/account/account.py"], volumes=folder)
    given = write_secrets("alertmanager", {"alertmanager.yml": configuration()})
    token = write_secrets("token", {"token": TOKEN})
    container = engine.start(
        "prometheus",
        command=["alertmanager", "--web.listen-address=:9093", "--cluster.listen-address="],
        environment={
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{ACCOUNT}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/token/token",
        },
        tmpfs={"/data": "uid=65532,gid=65532,mode=0750"},
        volumes={**mounted(given, "/etc/given"), **mounted(token, "/token")},
        ports={"9093/tcp": ("127.0.0.1", 0)},
    )
    url = address(container, 9093)
    wait_for(f"{url}/-/ready", container)
    labels = {"alertname": "GpuIdle", "team": "vision", "namespace": "vision", "pod": "digits-" + "x" * 100}
    alert = {"labels": labels, "annotations": {"summary": "a GPU is idle"}}
    requests.post(f"{url}/api/v2/alerts", json=[alert], timeout=20).raise_for_status()
    eventually(lambda: output(account), 30, f"the message; {output(container)}")
    told = json.loads(output(account).splitlines()[0])
    assert (told["Action"], told["TopicArn"], told["Subject"]) == ("Publish", ARN, "[FIRING] GpuIdle")
    assert "a GPU is idle" in told["Message"]
    assert f"Credential={ROLE['AccessKeyId']}/" in told["signature"]
