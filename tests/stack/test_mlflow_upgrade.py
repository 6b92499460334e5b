"""Upgrades of MLflow under `up`: from an older version to the current one and back, on a stack without workloads.

The tests stand in the order of a stack's life.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from kubernetes import client
from kubernetes.stream import stream

from tests.engine.images.engine import CONTEXTS
from tests.logged_model import accuracy, log_model
from tests.pulumi_engine import Pulumi
from tests.stack.conftest import STACK, TEAM
from tests.waiting import eventually

NAMESPACE = "trial-platform"
IN_THE_WAY = "guardrails"
"""A table that a migration since the older version creates."""


def dockerfile(trial: Pulumi) -> Path:
    return trial.folder / "images" / "tracking" / "Dockerfile"


def deploy_older(trial: Pulumi) -> None:
    """The image of the older MLflow: the same with another layer."""
    layer = (CONTEXTS / "older-mlflow" / "Dockerfile").read_text().partition("FROM ${BASE}\n")[2]
    dockerfile(trial).write_text(dockerfile(trial).read_text() + layer)


def pod(core: client.CoreV1Api) -> Any:
    """The server's only one, which may not have followed the one before yet."""
    selector = "app.kubernetes.io/name=tracking,app.kubernetes.io/component=tracking"

    def running() -> list[Any]:
        found = core.list_namespaced_pod(NAMESPACE, label_selector=selector).items
        return [each for each in found if each.metadata.deletion_timestamp is None and each.status.phase == "Running"]

    (only,) = eventually(running, 120, "a tracking server")
    return only


def execute(core: client.CoreV1Api, *command: str) -> str:
    """In the server's container."""
    options = {"stderr": True, "stdin": False, "stdout": True, "tty": False}
    name = pod(core).metadata.name
    return str(stream(core.connect_get_namespaced_pod_exec, name, NAMESPACE, command=[*command], **options))


def sql(core: client.CoreV1Api, statement: str) -> None:
    code = "import sqlite3, sys; c = sqlite3.connect('/data/mlflow.db'); c.execute(sys.argv[1]); c.commit()"
    assert execute(core, "python", "-c", code, statement) == ""


def server(core: client.CoreV1Api, outputs: dict[str, Any]) -> tuple[str, tuple[str, str]]:
    """Its address, and the administrator's login."""
    known = outputs["tracking"]
    service = core.read_namespaced_service(known["service"], known["namespace"])
    url = f"http://{service.spec.cluster_ip}:{known['port']}"
    eventually(lambda: answers(url), 60, "kube-proxy to know the server")
    return url, (known["username"], known["password"])


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=10).ok
    except requests.RequestException:
        return False


def message_of(text: str) -> str:
    """What the migration's pod says, as `up` shows it: by itself, and as part of longer lines."""
    found: list[str] = re.findall(r"tracking: .*docs/mlflow.md.*", text)
    return min(found, key=len)


@pytest.fixture(scope="module")
def current(trial: Pulumi) -> str:
    return dockerfile(trial).read_text()


@pytest.fixture(scope="module")
def outputs(core: client.CoreV1Api, trial: Pulumi, current: str) -> dict[str, Any]:
    """A stack with the older MLflow and a model."""
    file = trial.folder / f"Pulumi.{STACK}.yaml"
    document = yaml.safe_load(file.read_text())
    platform = document["config"]["ml-platform:platform"]
    kept = ("foundation", "namespace", "tracking", "protectData")
    document["config"]["ml-platform:platform"] = {
        **{name: platform[name] for name in kept if name in platform},
        "teams": {TEAM: {}},
    }
    file.write_text(yaml.safe_dump(document))
    deploy_older(trial)
    made = trial.up().outputs
    log_model(*server(core, made))
    return made


def test_a_failed_migration_leaves_the_old_server(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any], current: str
) -> None:
    before = pod(core).metadata.uid
    sql(core, f"CREATE TABLE {IN_THE_WAY} (something INTEGER)")
    dockerfile(trial).write_text(current)
    failed = trial.up(check=False)
    assert failed.code != 0
    message = message_of(failed.text)
    assert message.startswith("tracking: the schema of runs and models can't be migrated to MLflow "), failed.text
    assert f"{IN_THE_WAY} already exists" in message and "docs/mlflow.md" in message
    assert pod(core).metadata.uid == before
    assert accuracy(*server(core, outputs)) == 0.75


def test_a_failed_upgrade_can_be_reverted(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any], current: str
) -> None:
    before = pod(core).metadata.uid
    deploy_older(trial)
    trial.up()
    assert pod(core).metadata.uid == before
    assert accuracy(*server(core, outputs)) == 0.75


def test_up_migrates_before_the_rollout(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any], current: str
) -> None:
    """The second time: the Job that failed runs again."""
    dockerfile(trial).write_text(current)
    assert trial.up(check=False).code != 0
    sql(core, f"DROP TABLE {IN_THE_WAY}")
    trial.up()
    batch = client.BatchV1Api(core.api_client)
    (job,) = batch.list_namespaced_job(NAMESPACE, label_selector="app.kubernetes.io/component=migration").items
    assert job.status.succeeded == 1
    assert job.status.completion_time <= pod(core).metadata.creation_timestamp
    assert accuracy(*server(core, outputs)) == 0.75
    assert set(trial.up().changes()) == {"unchanged"}


def test_a_rollback_names_the_copy_which_is_the_way_back(
    core: client.CoreV1Api, trial: Pulumi, outputs: dict[str, Any], current: str
) -> None:
    before = pod(core).metadata.uid
    deploy_older(trial)
    refused = trial.up(check=False)
    assert refused.code != 0
    message = message_of(refused.text)
    assert "is newer (" in message, refused.text
    named = re.search(r"restore snapshot /data/backups/(\S+) first: see docs/mlflow.md", message)
    assert named, message
    assert pod(core).metadata.uid == before
    assert accuracy(*server(core, outputs)) == 0.75
    assert "restored /data/mlflow.db" in execute(core, "python", "/app/migrate.py", "restore", named[1])
    trial.up()
    assert pod(core).metadata.uid != before
    assert accuracy(*server(core, outputs)) == 0.75
