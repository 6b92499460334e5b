"""The commands on a stack that stands on AWS: nothing local is touched, and nothing is guessed without credentials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cli import down, preflight, shell, stack, status, up
from cli import rotate as rotation
from common import paths
from common.errors import WorkstationError
from offline.cluster import lifecycle
from offline.go_tools import GoModule


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials, no state, no cluster of the user's own."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "PULUMI_BACKEND_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "KUBECONFIG"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name, part in (("STATE", ""), ("LOGS", "logs"), ("PIDS", "pids"), ("PULUMI_BACKEND", "stacks")):
        monkeypatch.setattr(paths, name, tmp_path / "state" / part)

    def never(*_: object) -> None:
        raise AssertionError("an engine was asked to change something")

    monkeypatch.setattr(stack, "update", never)


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the team has said that its state is."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'backend'}")


COMMANDS: dict[str, Callable[[], int]] = {
    "up": lambda: up.up("prod"),
    "down": lambda: down.down("prod"),
    "rotate": lambda: rotation.rotate("prod", "digits-key"),
    "shell": lambda: shell.shell("prod"),
}


@pytest.mark.parametrize("url", [None, "", stack.OWN_BACKEND], ids=["unset", "empty", "in a shell on dev"])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_its_state_is_not_kept_on_a_machine_that_nobody_chose(
    command: Callable[[], int], url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if url is not None:
        monkeypatch.setenv("PULUMI_BACKEND_URL", url)
    with pytest.raises(WorkstationError, match="PULUMI_BACKEND_URL names no backend for stack prod") as refused:
        command()
    assert "platform.foundation.aws" in refused.value.why
    assert "export PULUMI_BACKEND_URL='s3://<bucket>?region=eu-central-1', see docs/aws.md" in refused.value.hint
    assert not paths.STATE.exists()


@pytest.mark.usefixtures("backend")
def test_a_backend_of_the_teams_own_takes_no_passphrase_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)  # there in `make shell`
    stack.require_backend("prod", preflight.declaration("prod"))
    environment = stack.environment("arn")
    assert environment["PULUMI_BACKEND_URL"] == f"file://{tmp_path / 'backend'}"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in environment


def test_dev_is_on_this_machine_and_keeps_its_state_there() -> None:
    stack.require_backend("dev", preflight.declaration("dev"))
    assert stack.environment()["PULUMI_BACKEND_URL"] == stack.OWN_BACKEND


@pytest.mark.usefixtures("backend")
def test_rotate_without_kubectl_says_so_and_waits_for_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GoModule, "folder", lambda _: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WorkstationError, match="no kubectl"):
        rotation.rotate("prod", "digits-key")


@pytest.mark.usefixtures("backend")
def test_up_without_credentials_stops_before_anything_is_installed() -> None:
    with pytest.raises(WorkstationError, match="no credentials for account 123456789012"):
        up.up("prod")
    assert not paths.STATE.exists()


@pytest.mark.usefixtures("backend")
def test_down_leaves_the_local_cluster_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise AssertionError("the local cluster was stopped")

    monkeypatch.setattr(lifecycle, "stop", never)
    monkeypatch.setattr(stack, "exists", lambda _: False)
    assert down.down("prod") == 0


def test_status_names_the_way_to_a_cluster_that_is_not_known_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {"endpoints": {}, "jobs": {}, "images": {"training": "r/training@sha256:0"}, "registry": {"address": "r"}}
    monkeypatch.setattr(stack, "outputs", lambda _: outputs)
    status.print_status(status.collect("prod", preflight.declaration("prod")))
    said = capsys.readouterr().out
    assert "aws eks update-kubeconfig --region eu-central-1 --name ml-platform-prod" in said
