"""The stand-in for the docker plugin, against a real Docker engine and a real private registry."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from offline.plugins.docker.context import BuildContext
from offline.plugins.docker.engine import Engine
from offline.plugins.docker.plugin import DockerProvider
from offline.plugins.provider import CheckError, Naming, ProviderError
from tests.engine.plugins.registry import RegistryServer
from tests.ports import free_port
from tests.pulumi_engine import Pulumi
from tests.waiting import eventually

CONTAINER = "docker:index/container:Container"
IMAGE = "docker:index/image:Image"
BUSYBOX = Path("/bin/busybox")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryServer]:
    """A private registry on loopback with one user."""
    with RegistryServer(tmp_path / "registry", user="builder", password="not-for-logs") as server:
        yield server


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A context that builds in an instant from nothing but a static shell."""
    if not BUSYBOX.exists():
        pytest.skip("no static busybox on this machine")
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "busybox").write_bytes(BUSYBOX.read_bytes())
    (folder / "busybox").chmod(0o755)
    (folder / "words").write_text("first\n")
    (folder / "Dockerfile").write_text(
        'FROM scratch\nCOPY busybox /bin/busybox\nSHELL ["/bin/busybox", "sh", "-c"]\n'
        'RUN /bin/busybox mkdir /tmp\nCOPY words /words\nCMD ["/bin/busybox", "sleep", "600"]\n'
    )
    return folder


@dataclass
class Program:
    """A program around one provider that knows the registry's user."""

    context: Path
    registry: RegistryServer

    def image(self, name: str = "words", password: str = "not-for-logs", more: str = "") -> str:
        return f"""
import pulumi, pulumi_docker as docker
image = docker.Image(
    "{name}",
    image_name="{self.registry.address}/{name}:tag",
    build=docker.DockerBuildArgs(context={str(self.context)!r}, platform="linux/amd64"),
    registry=docker.RegistryArgs(
        server="{self.registry.address}", username="builder", password=pulumi.Output.secret("{password}")
    ),
)
pulumi.export("digest", image.repo_digest)
pulumi.export("name", image.image_name)
{more}"""


@pytest.fixture
def program(engine: Any, context: Path, registry: RegistryServer) -> Iterator[Program]:
    """The program's images are taken from the engine at the end, which the official plugin would not do either."""
    yield Program(context, registry)
    for image in engine.images(f"{registry.address}/*"):
        engine.remove_image(image["Id"], force=True)


@pytest.fixture
def pulumi(program: Program, pulumi: Pulumi) -> Pulumi:
    """Its containers go before the images that they run."""
    return pulumi


def test_an_image_is_built_pushed_and_known_by_digest(pulumi: Pulumi, program: Program) -> None:
    pulumi.program(program.image())
    result = pulumi.up()
    assert result.outputs["digest"].startswith(f"{program.registry.address}/words@sha256:")
    answer = requests.head(
        f"http://{program.registry.address}/v2/words/manifests/tag",
        auth=("builder", "not-for-logs"),
        headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
        timeout=10,
    )
    assert result.outputs["digest"].endswith(answer.headers["Docker-Content-Digest"])
    (image,) = pulumi.resources(IMAGE)
    assert image["id"] == f"{program.registry.address}/words:tag"
    assert set(image["outputs"]) == {
        *("__inputs", "baseImageName", "context", "dockerfile", "imageName", "platform", "registryServer", "repoDigest")
    }
    assert "ciphertext" in image["outputs"]["__inputs"]
    assert "not-for-logs" not in pulumi.stored() + result.text


def test_an_unchanged_context_is_not_built_again_and_a_changed_one_is(pulumi: Pulumi, program: Program) -> None:
    pulumi.program(program.image())
    first = pulumi.up().outputs["digest"]
    (program.context / "words").touch()
    assert pulumi.up().changes() == {"unchanged": 2}

    (program.context / "words").write_text("second\n")
    preview = pulumi.preview()
    assert preview.changes() == {"update": 1, "unchanged": 1}
    assert "contextDigest" in preview.text
    second = pulumi.up()
    assert second.changes() == {"update": 1, "unchanged": 1}
    assert second.outputs["digest"] != first


def test_another_password_is_no_reason_to_build(pulumi: Pulumi, program: Program) -> None:
    pulumi.program(program.image())
    pulumi.up()
    pulumi.program(program.image(password="another"))
    assert pulumi.up().changes() == {"unchanged": 2}


def test_a_wrong_password_is_named_as_such(pulumi: Pulumi, program: Program) -> None:
    pulumi.program(program.image(password="wrong"))
    refused = pulumi.up(check=False)
    assert refused.code != 0
    assert "unauthorized" in refused.text or "no basic auth credentials" in refused.text
    assert "Traceback" not in refused.text


def test_a_failing_build_shows_its_last_lines_and_its_log(pulumi: Pulumi, program: Program) -> None:
    with (program.context / "Dockerfile").open("a") as dockerfile:
        dockerfile.write("RUN /bin/busybox echo so far so good && /bin/busybox no-such-thing\n")
    pulumi.program(program.image())
    failed = pulumi.up(check=False)
    assert failed.code != 0
    assert "so far so good" in failed.text
    log = next(line.split("full log: ")[1] for line in failed.text.splitlines() if "full log: " in line)
    assert "no-such-thing" in Path(log.strip()).read_text()
    assert "Traceback" not in failed.text


def test_a_missing_dockerfile_is_refused_at_preview(pulumi: Pulumi, program: Program) -> None:
    (program.context / "Dockerfile").unlink()
    pulumi.program(program.image())
    refused = pulumi.preview(check=False)
    assert refused.code != 0
    assert "could not open dockerfile" in refused.text or "expected a relative Dockerfile path" in refused.text


def test_a_preview_needs_no_engine(pulumi: Pulumi, program: Program) -> None:
    pulumi.program(program.image(more="docker.Volume('data')\n"))
    pulumi.settings = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    assert pulumi.preview().changes() == {"create": 3}
    failed = pulumi.up(check=False)
    assert "the Docker engine at unix:///nowhere/docker.sock can't be reached" in failed.text
    pulumi.settings = {}


def test_a_container_runs_with_its_files_volumes_and_ports(
    pulumi: Pulumi,
    program: Program,
    engine: Any,
) -> None:
    port = free_port()
    pulumi.program(program.image(more=_container(port)))
    outputs = pulumi.up().outputs
    seen = engine.inspect_container(outputs["id"])
    assert seen["State"]["Running"]
    assert seen["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    assert seen["Config"]["Labels"]["team"] == "search"
    assert eventually(lambda: _text(f"http://127.0.0.1:{port}/index.html"), what="the server") == "uploaded"
    assert "not-for-state" not in pulumi.stored()
    assert pulumi.up().changes() == {"unchanged": 4}
    assert pulumi.refresh().code == 0
    assert pulumi.up().changes() == {"unchanged": 4}

    pulumi.program(program.image(more=_container(port).replace("search", "ads")))
    changed = pulumi.up()
    assert changed.changes()["replace"] == 1
    assert engine.inspect_container(changed.outputs["id"])["Config"]["Labels"]["team"] == "ads"

    pulumi.program("")
    pulumi.up()
    assert engine.containers(all=True, filters={"id": changed.outputs["id"]}) == []
    assert outputs["volume"] not in [volume["Name"] for volume in engine.volumes()["Volumes"] or []]


def test_a_container_that_stopped_is_started_again(pulumi: Pulumi, program: Program, engine: Any) -> None:
    pulumi.program(program.image(more=_container(free_port())))
    outputs = pulumi.up().outputs
    engine.stop(outputs["id"], timeout=0)
    pulumi.refresh()
    again = pulumi.up()
    assert again.changes()["update"] == 1
    assert again.outputs["id"] == outputs["id"]
    assert engine.inspect_container(outputs["id"])["State"]["Running"]


def test_what_a_killed_engine_was_making_is_taken_away(pulumi: Pulumi, program: Program, engine: Any) -> None:
    with (program.context / "Dockerfile").open("a") as dockerfile:
        dockerfile.write('HEALTHCHECK --interval=1s CMD ["/bin/busybox", "false"]\n')
    pulumi.program(program.image())
    pulumi.up()
    more = f'docker.Container("slow", name="{pulumi.folder.parent.name}", image=image.repo_digest, wait=True)\n'
    pulumi.program(program.image(more=more))
    update = subprocess.Popen(
        [pulumi.bin / "pulumi", "up", "--yes", "--skip-preview", "--non-interactive"],
        cwd=pulumi.folder,
        env=pulumi.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    named = {"name": pulumi.folder.parent.name}
    assert _soon(lambda: bool(engine.containers(all=True, filters=named)))
    update.kill()
    update.wait()
    assert _soon(lambda: not engine.containers(all=True, filters=named))
    pulumi.run("cancel", "--yes", "--stack", "test")


def test_a_container_that_vanished_is_made_again(pulumi: Pulumi, program: Program, engine: Any) -> None:
    pulumi.program(program.image(more=_container(free_port())))
    outputs = pulumi.up().outputs
    engine.remove_container(outputs["id"], force=True)
    pulumi.refresh()
    again = pulumi.up()
    assert again.changes()["create"] == 1
    assert engine.inspect_container(again.outputs["id"])["State"]["Running"]


@pytest.mark.parametrize(
    "host", ["unix:///run/docker.sock", "tcp://127.0.0.1:2375", "tcp://localhost:2375", "tcp://[::1]:2375"]
)
def test_an_engine_of_this_machine_is_used(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert Engine.from_settings({}).host == host


@pytest.mark.parametrize(
    "host", ["tcp://10.0.0.7:2375", "tcp://127.0.0.1.example.org:2375", "ssh://build@docker.example.org", "tcp://:2375"]
)
def test_an_engine_elsewhere_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    with pytest.raises(ProviderError, match="is not this machine"):
        Engine.from_settings({"host": host})
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(ProviderError, match="is not this machine"):
        Engine.from_settings({})


@pytest.mark.parametrize(
    "server",
    [
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        "registry.example.com",
        "127.0.0.1.example.org:5000",
        "10.0.0.7:5000",
        "docker.io",
    ],
)
@pytest.mark.parametrize("operation", ["create", "update"])
def test_nothing_is_pushed_to_a_registry_elsewhere(
    server: str, operation: str, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is anything built, and the registry is not even asked. A preview is served."""

    def never(*_: object) -> None:
        raise AssertionError("the engine was asked")

    monkeypatch.setattr(Engine, "client", never)
    urn, provider = f"urn:pulumi:test::trial::{IMAGE}::it", DockerProvider()
    name = f"{server}/team/words:tag"
    given = {"imageName": name, "build": {"context": str(context), "platform": "linux/amd64"}}
    inputs = provider.check(
        urn, {}, {**given, "registry": {"server": server, "username": "u", "password": "p"}}, Naming()
    )
    change: Callable[[bool], object] = {
        "create": lambda preview: provider.create(urn, inputs, preview, 0.0),
        "update": lambda preview: provider.update(urn, name, inputs, {}, inputs, preview, 0.0, []),
    }[operation]
    change(True)
    with pytest.raises(ProviderError, match=f"the registry {server} is not on this machine") as refused:
        change(False)
    assert "install the official plugin: pulumi plugin install resource docker" in str(refused.value)


def test_a_provider_setting_without_effect_is_refused() -> None:
    with pytest.raises(ProviderError, match="does not support registryAuth of a provider"):
        Engine.from_settings({"registryAuth": "[]"})


@pytest.mark.parametrize(
    ("token", "inputs", "named"),
    [
        (CONTAINER, {"image": "i", "privileged": True}, "privileged"),
        (CONTAINER, {"image": "i", "volumes": [{"hostPath": "/", "containerPath": "/host"}]}, "volumes.hostPath"),
        (IMAGE, {"imageName": "i", "build": {"target": "stage"}}, "build.target"),
    ],
    ids=["a container's", "one of a list", "a build's"],
)
def test_an_input_without_effect_is_refused(token: str, inputs: dict[str, Any], named: str) -> None:
    with pytest.raises(CheckError, match=f"does not support {named} of {token}; use the official plugin"):
        DockerProvider().check(f"urn:pulumi:test::trial::{token}::it", {}, inputs, Naming())


def test_a_type_that_the_program_does_not_use_is_refused() -> None:
    with pytest.raises(ProviderError, match="does not support docker:index/network:Network"):
        DockerProvider().check("urn:pulumi:test::trial::docker:index/network:Network::it", {}, {}, Naming())


def test_the_digest_of_a_context_tells_content_and_mode_apart_but_not_time(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".dockerignore").write_text("ignored\n")
    file = tmp_path / "run.sh"
    file.write_text("echo\n")
    file.chmod(0o644)
    seen = BuildContext(str(tmp_path), str(tmp_path / "Dockerfile")).digest
    first = seen()
    file.touch()
    (tmp_path / "ignored").write_text("anything")
    assert seen() == first
    file.chmod(0o755)
    executable = seen()
    file.write_text("echo more\n")
    assert len({first, executable, seen()}) == 3


def test_the_digest_of_a_context_is_the_official_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The expected value was computed by the official plugin's algorithm (fsutil and patternmatcher, in Go)."""
    files = {
        **{
            "a/b/c": "1",
            "a.txt": "2",
            "a.d/z": "3",
            "a-b": "4",
            ".venv/x/y": "v",
            "src/x.pyc": "p",
            "src/keep.pyc": "q",
        },
        **{"Dockerfile": "FROM scratch", ".dockerignore": "# c\n.venv\n**/*.pyc\n!src/keep.pyc"},
    }
    modes = {"a-b": 0o755, "a.txt": 0o4711}
    for name, text in files.items():
        path = tmp_path / "ctx" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
        path.chmod(modes.get(name, 0o644))
    (tmp_path / "ctx/src/link").symlink_to("../a.txt")
    (tmp_path / "ctx/a/dirlink").symlink_to("b")
    monkeypatch.chdir(tmp_path)
    expected = "e4e6e940ac097ca0586f0e2f4a91010bc71dc5d54cca38ca0fd6a5246c8109e4"
    assert BuildContext("ctx", "ctx/Dockerfile").digest() == expected


def _container(port: int) -> str:
    return f"""
volume = docker.Volume("data")
container = docker.Container(
    "web",
    image=image.repo_digest,
    command=["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"],
    envs=[pulumi.Output.secret("TOKEN=not-for-state")],
    ports=[docker.ContainerPortArgs(internal=80, external={port}, ip="127.0.0.1")],
    volumes=[docker.ContainerVolumeArgs(volume_name=volume.name, container_path="/data")],
    uploads=[docker.ContainerUploadArgs(file="/www/index.html", content="uploaded")],
    labels=[docker.ContainerLabelArgs(label="team", value="search")],
)
pulumi.export("id", container.id)
pulumi.export("volume", volume.name)
"""


def _soon(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def _text(url: str) -> str:
    """What a server says; nothing while it doesn't listen yet."""
    try:
        return requests.get(url, timeout=10).text
    except requests.RequestException:
        return ""
