"""The commands on a stack that stands on AWS: nothing local is touched, and nothing is guessed without credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ports import free_port
from workstation import daemons, down, moto_server, paths, preflight, stack, status, up
from workstation.cluster import lifecycle
from workstation.errors import WorkstationError
from workstation.plugins.aws.kept import Store


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


def test_up_without_credentials_stops_before_anything_is_installed() -> None:
    with pytest.raises(WorkstationError, match="no credentials for account 123456789012"):
        up.up("prod")
    assert not paths.STATE.exists()


def test_down_leaves_the_local_cluster_alone_and_ends_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise AssertionError("the local cluster was stopped")

    monkeypatch.setattr(lifecycle, "stop", never)
    port = free_port()
    moto_server.start(port)
    assert daemons.is_running(f"moto-{port}")
    assert down.down("prod") == 0
    assert not daemons.is_running(f"moto-{port}")


def test_status_names_the_way_to_a_cluster_that_is_not_known_here_and_what_the_stand_in_keeps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {"endpoints": {}, "jobs": {}, "images": {"training": "r/training@sha256:0"}, "registry": {"address": "r"}}
    monkeypatch.setattr(stack, "outputs", lambda _: outputs)
    Store("http://127.0.0.1:5000").put("aws:eks/addon:Addon", "cluster:dns", {})
    found = status.collect("prod", preflight.declaration("prod"))
    status.print_status(found)
    said = capsys.readouterr().out
    assert "aws eks update-kubeconfig --region eu-central-1 --name ml-platform-prod" in said
    assert found.emulated == ["aws:eks/addon:Addon cluster:dns"]
    assert "aws:eks/addon:Addon" in said
    assert "cluster:dns" in said
