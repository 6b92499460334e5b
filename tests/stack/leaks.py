"""Every place in which a secret might lie in clear, with what lies there."""

import base64
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
from kubernetes import client

from common import paths
from offline import docker_engine, go_tools
from offline.cluster import control_plane
from tests.pulumi_engine import Pulumi
from tests.waiting import eventually

CHUNK = 1 << 22
LONGEST = 256


def forms(value: str) -> list[bytes]:
    """A value as it is, and as manifests and logins encode it."""
    return [value.encode(), base64.b64encode(value.encode()).rstrip(b"=")]


def state_and_backups(stack: Pulumi) -> Iterator[tuple[str, bytes]]:
    return _files(stack.backend)


def logs(core: client.CoreV1Api, namespaces: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Logs of the commands, the cluster and each container."""
    yield from _files(paths.LOGS)
    for namespace in namespaces:
        for pod in core.list_namespaced_pod(namespace).items:
            if pod.spec.node_name and not pod.spec.node_name.startswith("trialgpu"):
                yield f"log of {pod.metadata.name}", _log(core, pod.metadata.name, namespace)
    for container in docker_engine.client().containers.list():
        yield f"log of {container.name}", container.logs()


def _log(core: client.CoreV1Api, pod: str, namespace: str) -> bytes:
    """Nothing of a pod that has gone meanwhile."""
    try:
        return str(core.read_namespaced_pod_log(pod, namespace)).encode()
    except client.ApiException as error:
        if error.status != 404:
            raise
        return b""


def manifests() -> Iterator[tuple[str, bytes]]:
    """`kubectl get -o yaml` of every kind but Secrets, in all namespaces."""
    kinds = eventually(_kinds, 60, "every API to answer")
    for kind in kinds:
        if kind != "secrets":
            yield kind, _kubectl("get", kind, "--all-namespaces", "--output=yaml")


def _kinds() -> list[str]:
    """None while one of the APIs doesn't answer for a moment."""
    try:
        return _kubectl("api-resources", "--verbs=list", "--output=name").decode().split()
    except subprocess.CalledProcessError:
        return []


def processes() -> Iterator[tuple[str, bytes]]:
    """The command line of every process."""
    for process in psutil.process_iter(["pid", "name", "cmdline"]):
        yield _name(process), " ".join(process.info["cmdline"] or []).encode()


def environments() -> Iterator[tuple[str, bytes]]:
    """The environment of every process that runs in a container."""
    for process in psutil.process_iter(["pid", "name"]):
        if _in_container(process):
            try:
                yield f"environment of {_name(process)}", Path(f"/proc/{process.pid}/environ").read_bytes()
            except OSError:
                continue


def _name(process: psutil.Process) -> str:
    return f"process {process.info['pid']} {process.info['name']}"


def image_layers(prefix: str) -> Iterator[tuple[str, bytes]]:
    """All that the engine would hand over of the images whose names begin so, piece by piece; a shared layer once."""
    names = [tag for image in docker_engine.client().images.list() for tag in image.tags if tag.startswith(prefix)]
    assert names, f"no image is called {prefix}*"
    environment = {**os.environ, "DOCKER_HOST": str(docker_engine.host())}
    with subprocess.Popen(["docker", "save", *names], stdout=subprocess.PIPE, env=environment) as saving:
        assert saving.stdout is not None
        tail = b""
        while chunk := saving.stdout.read(CHUNK):
            yield "images", tail + chunk
            tail = chunk[-LONGEST:]
    assert saving.returncode == 0


def etcd() -> Iterator[tuple[str, bytes]]:
    return _files(control_plane.ETCD_DATA)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            with suppress(FileNotFoundError):  # gone since it was listed
                yield str(file), file.read_bytes()


def _kubectl(*arguments: str) -> bytes:
    command = [str(go_tools.KUBERNETES.program("kubectl")), "--kubeconfig", str(paths.KUBECONFIG), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout


def _in_container(process: psutil.Process) -> bool:
    """In another file system than this machine's own."""
    try:
        return Path(f"/proc/{process.pid}/root").stat().st_ino != Path("/").stat().st_ino
    except OSError:
        return False
