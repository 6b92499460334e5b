"""Each command uses the cluster of its stack: the local one, or one from the user's kubeconfig."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cli import kubeconfig, preflight, shell, stack, status, up
from common import paths
from common.errors import CommandError
from infra.declaration.loader import declare
from infra.declaration.model import Platform
from offline import base_image, docker_engine, toolchain
from offline.cluster import kubeconfig as files
from offline.cluster.addresses import CONTEXT
from offline.go_tools import GoModule
from tests.unit.declaration.samples import WHERE, in_cluster, project

CLUSTER = "foundation.cluster"
MINE = "kind-mine"
SERVER = "https://mine.example:6443"


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own kubeconfig, beside that of a cluster which runs here."""
    cluster = {"name": "c", "cluster": {"server": SERVER}}
    context = {"name": MINE, "context": {"cluster": "c", "user": "u"}}
    document = {"clusters": [cluster], "users": [{"name": "u", "user": {}}], "contexts": [context]}
    file = tmp_path / "theirs"
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **document}))
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.setattr(paths, "KUBECONFIG", tmp_path / "ours")
    files.write(paths.KUBECONFIG, tmp_path / "ca", tmp_path / "certificate", tmp_path / "key")
    return file


def platform(tmp_path: Path, **cluster: str) -> Platform:
    return declare(
        in_cluster(**{f"{CLUSTER}.{name}": value for name, value in cluster.items()}), WHERE, project(tmp_path)
    )


def test_the_local_cluster_is_in_a_kubeconfig_of_its_own(theirs: Path) -> None:
    assert stack.environment(CONTEXT)["KUBECONFIG"] == str(paths.KUBECONFIG)
    assert files.files(CONTEXT) == str(paths.KUBECONFIG)


@pytest.mark.parametrize("context", [MINE, "arn:aws:eks:eu-central-1:123456789012:cluster/ml-platform-prod"])
def test_any_other_is_in_the_users(context: str, theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stack.environment(context)["KUBECONFIG"] == files.files(context) == str(theirs)
    monkeypatch.delenv("KUBECONFIG")
    assert "KUBECONFIG" not in stack.environment(context)
    assert files.files(context) == str(Path.home() / ".kube" / "config")


def test_status_and_kubeconfig_ask_the_users_cluster(theirs: Path, tmp_path: Path) -> None:
    assert status.cluster_api("dev", platform(tmp_path, kubeContext=MINE)).configuration.host == SERVER
    assert kubeconfig.api_client(MINE).configuration.host == SERVER


def test_a_context_that_is_missing_or_broken_is_one_error(
    theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "exists", lambda _: True)
    with pytest.raises(CommandError) as refused:
        status.require_seen("dev", platform(tmp_path, kubeContext="elsewhere"))
    assert refused.value.why.endswith("no kubeconfig has the context elsewhere; set KUBECONFIG")
    document = yaml.safe_load(theirs.read_text())
    document["clusters"][0]["cluster"]["certificate-authority"] = str(tmp_path / "nowhere")
    theirs.write_text(yaml.safe_dump(document))
    with pytest.raises(CommandError, match=f"the kube context '{MINE}' can't be used"):
        kubeconfig.api_client(MINE)


def test_a_shell_on_prod_leads_kubectl_to_no_cluster_of_this_machine(
    theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "shell"
    program.write_text(f'#!/bin/sh\necho "$KUBECONFIG $PULUMI_STACK $PULUMI_BACKEND_URL" > {tmp_path}/said\n')
    program.chmod(0o755)
    monkeypatch.setenv("SHELL", str(program))
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    assert shell.shell("prod") == 0
    assert (tmp_path / "said").read_text().split() == [str(theirs), "prod", f"file://{tmp_path}"]


@pytest.fixture
def on_mine(theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`dev` stands on the user's cluster, and nothing may be installed."""
    declared = platform(tmp_path, kubeContext=MINE, baseImage=base_image.IMAGE)
    monkeypatch.setattr(preflight, "declaration", lambda _: declared)
    monkeypatch.setattr(toolchain, "ensure", _never)


def _never(*_: object, **__: object) -> None:
    raise AssertionError("something was installed")


@pytest.mark.usefixtures("on_mine")
def test_without_a_docker_engine_nothing_is_begun_on_a_cluster_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "PIDS", tmp_path / "pids")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    with pytest.raises(CommandError, match="no Docker engine answers") as refused:
        up.up("dev")
    assert refused.value.hint.startswith("start Docker")


@pytest.mark.usefixtures("on_mine")
def test_without_kubectl_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GoModule, "folder", lambda _: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="no kubectl"):
        up.up("dev")


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a made base image that this machine's engine has."""
    if docker_engine.host() is None:
        pytest.skip("needs a Docker engine; `make test` starts one where it can")
    # Other tests remove images meanwhile: the base image stays.
    kept = [tag for image in docker_engine.client().api.images() for tag in image["RepoTags"] or []]
    if not kept:
        pytest.skip("the Docker engine has no image")
    name = base_image.IMAGE if base_image.IMAGE in kept else kept[0]
    monkeypatch.setattr(base_image, "IMAGE", name)
    return name


def test_a_base_image_that_is_made_here_must_be_here(
    base: str, theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(image: str) -> None:
        cluster = platform(tmp_path / image.replace("/", "-"), kubeContext=MINE, baseImage=image).foundation.cluster
        assert cluster is not None
        preflight.require_tools(cluster)

    look(base)
    look("python:3.12-slim")
    monkeypatch.setattr(base_image, "IMAGE", "ml-platform/made-nowhere:local")
    with pytest.raises(CommandError) as refused:
        look(base_image.IMAGE)
    assert refused.value.what.startswith(
        "platform.foundation.cluster.baseImage: 'ml-platform/made-nowhere:local' is not"
    )
    assert refused.value.hint == "set baseImage to an image that can be pulled, such as python:3.12-slim"
