"""The commands on a stack on AWS: they touch nothing local, and stop early without a backend, credentials or plugin."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import aws_preflight, down, preflight, recovery, shell, stack, status, up
from cli import rotate as rotation
from common import paths
from common.errors import CommandError
from offline import toolchain
from offline.cluster import lifecycle
from offline.go_tools import GoModule
from offline.plugins.install import ensure_plugins
from offline.plugins.sdk import required_plugins


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
    """The backend that the team has named."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'backend'}")


COMMANDS: dict[str, Callable[[], int]] = {
    "up": lambda: up.up("prod"),
    "down": lambda: down.down("prod"),
    "rotate": lambda: rotation.rotate("prod", "digits-key"),
    "shell": lambda: shell.shell("prod"),
}


@pytest.mark.parametrize("url", [None, "", stack.OWN_BACKEND], ids=["unset", "empty", "in a shell on dev"])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_state_is_not_kept_on_this_machine_unless_it_is_named(
    command: Callable[[], int], url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if url is not None:
        monkeypatch.setenv("PULUMI_BACKEND_URL", url)
    with pytest.raises(CommandError, match="PULUMI_BACKEND_URL names no backend for stack prod") as refused:
        command()
    assert "platform.foundation.aws" in refused.value.why
    assert "export PULUMI_BACKEND_URL='s3://<bucket>?region=eu-central-1', see docs/aws.md" in refused.value.hint
    assert not paths.STATE.exists()


@pytest.mark.usefixtures("backend")
def test_a_named_backend_takes_no_passphrase_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)  # there in `make shell`
    stack.require_backend("prod", preflight.declaration("prod"))
    environment = stack.environment("arn")
    assert environment["PULUMI_BACKEND_URL"] == f"file://{tmp_path / 'backend'}"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in environment


def test_dev_is_on_this_machine_and_keeps_its_state_there() -> None:
    stack.require_backend("dev", preflight.declaration("dev"))
    assert stack.environment()["PULUMI_BACKEND_URL"] == stack.OWN_BACKEND


@pytest.mark.usefixtures("backend")
def test_rotate_without_kubectl_fails_before_it_waits_for_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GoModule, "folder", lambda _: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(preflight, "official_plugins", lambda _: None)
    with pytest.raises(CommandError, match="no kubectl"):
        rotation.rotate("prod", "digits-key")


@pytest.mark.usefixtures("backend")
def test_up_without_credentials_stops_before_anything_is_installed() -> None:
    with pytest.raises(CommandError, match="no credentials for account 123456789012"):
        up.up("prod")
    assert not paths.STATE.exists()


@pytest.mark.usefixtures("backend")
def test_down_leaves_the_local_cluster_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise AssertionError("the local cluster was stopped")

    monkeypatch.setattr(lifecycle, "stop", never)
    monkeypatch.setattr(stack, "exists", lambda _: False)
    assert down.down("prod") == 0


DEPLOYS = [name for name in COMMANDS if name != "shell"]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has credentials and an engine, and could not download the AWS plugin."""

    def install(*_: object, **__: object) -> None:
        ensure_plugins(tmp_path / "home", lambda _: None, tmp_path / "no-engine", download=())

    def never(*_: object) -> None:
        raise AssertionError("a stack was created or the cluster was reached")

    install()
    monkeypatch.setattr(paths, "PULUMI_HOME", tmp_path / "home")
    monkeypatch.setattr(toolchain, "ensure", install)
    monkeypatch.setattr(aws_preflight, "check", lambda *_: True)
    monkeypatch.setattr(stack, "exists", lambda _: True)
    for module, name in ((stack, "ensure"), (stack, "pulumi"), (recovery, "recover")):
        monkeypatch.setattr(module, name, never)
    (plugin,) = [plugin for plugin in required_plugins() if plugin.name == "aws"]
    return tmp_path / "home" / "plugins" / plugin.folder / plugin.executable


@pytest.mark.usefixtures("backend", "stand_in")
@pytest.mark.parametrize("command", DEPLOYS)
def test_a_stand_in_for_the_aws_plugin_deploys_nothing(command: str) -> None:
    with pytest.raises(CommandError, match="the official AWS plugin is not installed") as refused:
        COMMANDS[command]()
    assert "refused or did not begin in 5 s; what is installed is a stand-in" in refused.value.why
    assert re.search(r"pulumi plugin install resource aws \d+\.\d+\.\d+ --reinstall$", refused.value.hint)


@pytest.mark.usefixtures("backend")
def test_the_official_plugins_deploys(stand_in: Path) -> None:
    stand_in.write_bytes(b"x" * 5000)
    preflight.official_plugins(preflight.declaration("prod"))


def test_a_local_stack_needs_no_aws_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "PULUMI_HOME", tmp_path)
    preflight.official_plugins(preflight.declaration("dev"))


def test_status_tells_how_to_add_the_cluster_to_the_kubeconfig(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {"endpoints": {}, "jobs": {}, "images": {"training": "r/training@sha256:0"}, "registry": {"address": "r"}}
    monkeypatch.setattr(stack, "outputs", lambda _: outputs)
    status.print_status(status.collect("prod", preflight.declaration("prod")))
    assert "aws eks update-kubeconfig --region eu-central-1 --name ml-platform-prod" in capsys.readouterr().out
