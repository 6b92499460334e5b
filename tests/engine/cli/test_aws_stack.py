"""The commands on a stack on AWS: they touch nothing local, and stop early without a backend, credentials or plugin."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import aws_preflight, docker_preflight, down, preflight, preview, recovery, shell, stack, status, up
from cli import rotate as rotation
from common import paths
from common.errors import CommandError
from infra.declaration.model import Platform
from offline import machine, toolchain
from offline.cluster import lifecycle
from offline.go_tools import GoModule
from offline.plugins.install import ensure_plugins
from offline.plugins.sdk import required_plugins
from tests.examples import CLUSTER, validated


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
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has credentials, Docker and an engine, and could not download any plugin."""

    def install(*_: object, **__: object) -> None:
        ensure_plugins(tmp_path / "home", lambda _: None, tmp_path / "no-engine", download=())

    def never(*_: object) -> None:
        raise AssertionError("a stack was created or the cluster was reached")

    install()
    monkeypatch.setattr(paths, "PULUMI_HOME", tmp_path / "home")
    monkeypatch.setattr(toolchain, "ensure", install)
    monkeypatch.setattr(aws_preflight, "check", lambda *_: True)
    monkeypatch.setattr(docker_preflight, "require_engine", lambda: None)
    monkeypatch.setattr(stack, "exists", lambda _: True)
    for module, name in ((stack, "ensure"), (stack, "pulumi"), (recovery, "recover")):
        monkeypatch.setattr(module, name, never)
    return tmp_path / "home"


def published(home: Path, *names: str) -> None:
    """Replace what is installed by what a download leaves: an executable and no mark of ours."""
    for plugin in required_plugins():
        if plugin.name in names:
            folder = home / "plugins" / plugin.folder
            shutil.rmtree(folder)
            folder.mkdir()
            (folder / plugin.executable).write_bytes(b"x" * 5000)


PLUGINS = ("aws", "docker", "kubernetes", "random")


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("stays", PLUGINS)
@pytest.mark.parametrize("command", DEPLOYS)
def test_no_stand_in_deploys_to_aws(home: Path, command: str, stays: str) -> None:
    """Nor the kubernetes plugin that was built here: where the others can be downloaded, it can be, too."""
    published(home, *(name for name in PLUGINS if name != stays))
    with pytest.raises(CommandError, match=f"the official plugins are not installed: {stays}$") as refused:
        COMMANDS[command]()
    kind = "built here, from its Go module" if stays == "kubernetes" else "a stand-in for previews"
    assert refused.value.why.endswith(f"{home / 'plugins'},\n{stays} is {kind}")
    assert "PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES" in refused.value.hint
    assert re.search(rf"pulumi plugin install resource {stays} \d+\.\d+\.\d+ --reinstall$", refused.value.hint)


def test_the_official_plugins_deploy(home: Path) -> None:
    published(home, *PLUGINS)
    preflight.official_plugins(preflight.declaration("prod"))


def cluster_with(registry: str) -> Platform:
    declared = validated(CLUSTER)
    foundation = declared.foundation.cluster
    assert foundation is not None
    moved = foundation.model_copy(update={"registry": foundation.registry.model_copy(update={"server": registry})})
    return declared.model_copy(update={"foundation": declared.foundation.model_copy(update={"cluster": moved})})


def lacking(declared: Platform) -> list[str]:
    return [each.plugin.name for each in preflight.unofficial_plugins(declared)]


def test_an_existing_cluster_takes_the_kubernetes_plugin_that_was_built_here(home: Path) -> None:
    theirs = cluster_with("registry.example.com")
    assert lacking(theirs) == ["docker", "random"]
    published(home, "docker", "random")
    preflight.official_plugins(theirs)


def test_a_trial_on_this_machine_takes_stand_ins(home: Path) -> None:
    assert lacking(cluster_with("127.0.0.1:5000")) == []
    assert lacking(preflight.declaration("dev")) == []


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("command", ["up", "down"])
def test_a_command_that_needs_official_plugins_insists_on_them(
    home: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(toolchain, "ensure", lambda *_, **more: asked.update(more))
    published(home, "random")
    with pytest.raises(CommandError, match="aws, docker, kubernetes"):
        COMMANDS[command]()
    assert asked["official"] == ["aws", "docker", "kubernetes"]


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


def previewed(home: Path, monkeypatch: pytest.MonkeyPatch, *, official: bool) -> int:
    """A preview up to where the engine would start."""
    monkeypatch.setattr(machine, "ensure_engine", lambda _: home / "no-engine")
    monkeypatch.setattr(machine, "engine_environment", lambda _: {})
    monkeypatch.setattr(machine, "ensure_plugins", lambda *_, **__: machine.installed_plugins(home))
    monkeypatch.setattr(preview, "_run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    return preview.preview("prod", as_json=False, official=official)


def test_a_preview_says_which_plugins_are_stand_ins(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert previewed(home, monkeypatch, official=False) == 0
    assert "stand-ins for previews: aws, docker, random" in capsys.readouterr().out


def test_a_preview_with_official_plugins_takes_no_stand_ins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="the official plugins can't be downloaded") as refused:
        previewed(home, monkeypatch, official=True)
    assert refused.value.why.endswith("aws, docker, random")
    published(home, *PLUGINS)
    assert previewed(home, monkeypatch, official=True) == 0
