"""Secrets in the program: who is given which file, and what a renewal changes."""

from __future__ import annotations

from typing import Any

import pytest

from infra.secrets.derive import derived_password
from infra.secrets.generated import generations
from tests.unit.components.recorder import Recorder, created, inputs, platform, pods
from tests.unit.declaration.samples import on_aws, small

DECLARED_NAMES = ("key", "token", "idle")
SECRET = "kubernetes:core/v1:Secret"
PASSWORD = "random:index/randomPassword:RandomPassword"
DECLARED: dict[str, Any] = {
    "secrets.key": {"team": "vision", "generate": True},
    "secrets.token": {"team": "vision"},
    "secrets.idle": {"team": "speech", "generate": True},
    "serving.digits.apiKey": "key",
    "training.digits.secrets": ["token"],
}


def stack(**changes: object) -> Recorder:
    return platform(small(**DECLARED, **changes), token="a-token")


def mounted(recorder: Recorder, owner: str) -> dict[str, str]:
    """The pod's Secrets, and where its container finds them."""
    spec = pods(recorder)[owner]["spec"]
    folders = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
    secrets = {volume["secret"]["secretName"]: volume["name"] for volume in spec["volumes"] if "secret" in volume}
    return {secret: folders[volume] for secret, volume in secrets.items()}


@pytest.mark.parametrize("rotation", range(12))
def test_a_renewal_draws_one_password_and_keeps_the_two_that_are_in_use(rotation: int) -> None:
    before, after = generations(rotation), generations(rotation + 1)
    assert sorted(before) == [rotation - 1, rotation, rotation + 1]
    assert [slot for slot in range(3) if before[slot] != after[slot]] == [(rotation - 1) % 3]
    assert before[rotation % 3] == rotation


def test_a_secret_is_a_file_of_just_the_workloads_that_name_it() -> None:
    recorder = stack()
    files = {"tracking-credentials": "/home/nonroot/.mlflow"}
    assert mounted(recorder, "Deployment digits") == {**files, "key": "/var/run/secrets/key"}
    assert mounted(recorder, "Job digits") == {**files, "token": "/var/run/secrets/token"}
    assert mounted(recorder, "Deployment tracking") == {"tracking": "/var/run/secrets/logins"}


def test_the_platform_s_own_is_in_its_namespace_alone() -> None:
    recorder = stack(**{"secrets.mail": {"team": "platform", "generate": True}})
    assert inputs(recorder, SECRET, "mail")["metadata"]["namespace"] == "ml-platform"
    assert [owner for owner in pods(recorder) if "mail" in mounted(recorder, owner)] == []


def test_no_value_is_in_an_environment() -> None:
    recorder = stack()
    values = ["a-token", *(f"password-of-{name}" for name in created(recorder, PASSWORD))]
    assert len(values) > 10
    assert [value for value in values if value in str(pods(recorder))] == []


def test_a_secret_lies_in_its_teams_namespace_only() -> None:
    recorder = stack()
    names = [name for name in created(recorder, SECRET) if name in DECLARED_NAMES]
    spaces = {name: inputs(recorder, SECRET, name)["metadata"]["namespace"] for name in names}
    assert spaces == {"idle": "speech", "key": "vision", "token": "vision"}
    assert inputs(recorder, SECRET, "token")["stringData"] == {"value": "a-token"}
    assert inputs(recorder, SECRET, "key")["stringData"] == {
        "value": "password-of-key-0",
        "accepted": "password-of-key-0\npassword-of-key-1\npassword-of-key-2\n",
    }


def test_clients_get_the_current_password_and_servers_all_three() -> None:
    recorder = stack(rotations={"tracking": 1, "key": 2})
    assert inputs(recorder, SECRET, "key")["stringData"]["value"] == "password-of-key-2"
    login = inputs(recorder, SECRET, "vision-tracking-credentials")["stringData"]["credentials"]
    password = derived_password("password-of-tracking-1", "vision")
    assert f"username = vision\nmlflow_tracking_password = {password}\n" in login
    keys = inputs(recorder, SECRET, "tracking")["stringData"]["keys"]
    assert keys.splitlines() == [f"password-of-tracking-{slot}" for slot in range(3)]


def test_only_readers_of_a_changed_value_are_rolled() -> None:
    def annotations(token: str) -> dict[str, object]:
        recorder = platform(small(**DECLARED, **{"serving.other": OTHER}), token=token)
        templates = {owner: pod["metadata"].get("annotations") for owner, pod in pods(recorder).items()}
        return {owner: found for owner, found in templates.items() if owner.startswith("Deployment")}

    OTHER = {"team": "vision", "image": "serving", "model": "digits", "secrets": ["token"]}
    before, after = annotations("one"), annotations("two")
    assert [owner for owner in before if before[owner] != after[owner]] == ["Deployment other"]


def test_on_aws_every_declared_secret_is_in_secrets_manager_under_a_key_of_its_own() -> None:
    recorder = platform(on_aws(**DECLARED), token="a-token")
    type_ = "aws:secretsmanager/secret:Secret"
    assert created(recorder, type_) == ["idle", "key", "token"]
    stored = inputs(recorder, type_, "token")
    assert stored["name"] == "ml-platform-test/vision/token"
    assert stored["kmsKeyId"] and stored["tags"] == {"team": "vision"}
    value = inputs(recorder, "aws:secretsmanager/secretVersion:SecretVersion", "token")
    assert value["secretString"] == "a-token"
    assert inputs(recorder, SECRET, "token")["stringData"] == {"value": "stored-in-token-id"}
    assert "stored-in-key-id" in inputs(recorder, SECRET, "key")["stringData"]["accepted"].splitlines()


def test_a_stack_without_secrets_makes_none() -> None:
    assert [
        name for name in created(platform(small()), PASSWORD) if not name.startswith(("tracking", "registry"))
    ] == []
