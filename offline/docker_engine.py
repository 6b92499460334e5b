"""The Docker engine in use: one that is running already, or a dockerd of our own."""

import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import docker
from docker.context import ContextAPI
from docker.context.config import get_current_context_name
from docker.errors import DockerException, ImageNotFound
from docker.models.containers import Container
from docker.models.volumes import Volume

from common import daemons, paths, run
from common.daemons import Daemon
from common.errors import CommandError
from offline import caches
from offline.cluster import network

NAME = "dockerd"
DATA = paths.CACHE / "docker"
"""Image layers and the registry's volume stay here as a cache; containers, other volumes and networks are removed with
the stack."""

FORWARD_POLICY = paths.STATE / "forward-policy"
CHAINS = ("DOCKER", "docker0")
PART_LABEL = "ml-platform.io/part"
"""Of volumes: the name of the registry, for example."""

_NAMELESS = re.compile("[0-9a-f]{64}")
OWN_HOST = f"unix://{paths.DOCKER_SOCKET}"
_DEFAULT_HOST = "unix:///var/run/docker.sock"
_DEFAULT_CONTEXT = "default"
_HERE = re.compile(r"(unix|http\+unix)://.*|(tcp|http)://(localhost|127\.[0-9.]+|\[::1\])(:\d+)?/?")


def is_ours() -> bool:
    """Whether our own dockerd is running."""
    return _daemon().process() is not None


def host() -> str | None:
    """Address of the engine to use; None if none answers."""
    if is_ours():
        return OWN_HOST
    address, problem = _chosen()
    return address if not problem and _answers(address) else None


def absence() -> str:
    """Why there is no engine to use."""
    address, problem = _chosen()
    return problem or f"nothing answers at {address}"


def _chosen() -> tuple[str, str]:
    """The address of the engine that the docker command would use, and why it can't be used."""
    context = os.environ.get("DOCKER_CONTEXT")
    if not context and (named := os.environ.get("DOCKER_HOST")):
        return named, ""
    context = context or get_current_context_name() or _DEFAULT_CONTEXT
    if context == _DEFAULT_CONTEXT:
        return _DEFAULT_HOST, ""
    found = None
    with suppress(DockerException, ValueError, KeyError):
        found = ContextAPI.get_context(context)
    if found is None:
        return "", f"there is no Docker context '{context}'; `docker context ls` lists them"
    address = str(found.Host)
    if not _HERE.fullmatch(address):
        return address, f"Docker context '{context}' is not on this machine, but at {address}"
    return address, ""


def published_ports(label: str) -> set[int]:
    """Ports of this machine that running containers with a label publish."""
    if host() is None:
        return set()
    bindings = [
        binding
        for container in client().containers.list(filters={"label": label})
        for ports in container.attrs["HostConfig"]["PortBindings"].values()
        for binding in ports or ()
    ]
    return {int(binding["HostPort"]) for binding in bindings if binding["HostPort"]}


def client() -> docker.DockerClient:
    """A client of the engine in use."""
    address = host()
    if address is None:
        raise CommandError("no Docker engine answers", absence(), hint="run `make up`")
    return docker.DockerClient(base_url=address, timeout=300)


def start() -> None:
    """Start our own dockerd unless an engine answers."""
    if host() not in (None, OWN_HOST):
        return
    paths.RUN.mkdir(parents=True, exist_ok=True)
    instance = _daemon()
    cold = instance.process() is None
    if cold:
        _remember_forward_policy()
        (paths.RUN / "docker.pid").unlink(missing_ok=True)
    instance.start()
    if cold:
        _clear_interrupted_runs()


def _clear_interrupted_runs() -> None:
    """Remove leftovers of killed builds and tests: unlabelled containers without restart policy, anonymous volumes."""
    engine = client()
    for container in engine.containers.list(all=True):
        started_again = container.attrs["HostConfig"]["RestartPolicy"]["Name"] not in ("", "no")
        if not started_again and not _own_labels(engine, container):
            container.remove(force=True, v=True)
    engine.networks.prune()
    _remove_nameless_volumes(engine)


def _own_labels(engine: docker.DockerClient, container: Container) -> set[tuple[str, str]]:
    """Those that it does not have from its image; all of them if the image is gone."""
    with suppress(ImageNotFound):
        image = engine.api.inspect_image(container.attrs["Image"])  # type: ignore[no-untyped-call] # as docker-py has it
        return {*container.labels.items()} - {*(image["Config"].get("Labels") or {}).items()}
    return {*container.labels.items()}


def _remove_nameless_volumes(engine: docker.DockerClient) -> None:
    """Those that no container uses: Docker keeps them when a container is removed without its volumes."""
    for volume in engine.volumes.list(filters={"dangling": True}):
        if _NAMELESS.fullmatch(str(volume.name)):
            volume.remove()


def _is_cache(volume: Volume) -> bool:
    """Whether it is the volume of a registry, which stays when its stack is destroyed."""
    name = str(volume.name)
    return name.endswith("-registry") and (volume.attrs["Labels"] or {}).get(PART_LABEL) == name


def _remove_large_caches(engine: docker.DockerClient) -> None:
    """Volumes of registries that no container uses: their stacks are gone."""
    for volume in engine.volumes.list(filters={"dangling": True}):
        if _is_cache(volume) and not caches.is_worth_keeping(Path(volume.attrs["Mountpoint"])):
            volume.remove()


def _daemon() -> Daemon:
    command = [
        "dockerd",
        f"--data-root={DATA}",
        f"--exec-root={paths.RUN / 'docker'}",
        f"--pidfile={paths.RUN / 'docker.pid'}",
        f"--host={OWN_HOST}",
        "--max-concurrent-downloads=10",
        # Each is compressed by one processor; the images that others wait for are pushed first, and so are there first.
        f"--max-concurrent-uploads={os.cpu_count()}",
    ]
    return Daemon(NAME, command, lambda: _answers(OWN_HOST))


def _answers(address: str) -> bool:
    with suppress(DockerException):
        # The variables say whether an address that they name is reached with TLS.
        named = os.environ.get("DOCKER_HOST") == address
        made = docker.from_env(timeout=5) if named else docker.DockerClient(base_url=address, timeout=5)
        return bool(made.ping())
    return False


def stop() -> None:
    """Stop our own dockerd and remove its bridge and iptables rules; another engine is left alone."""
    ours = is_ours()
    daemons.stop(NAME)
    if not ours and not FORWARD_POLICY.exists():
        return
    subprocess.run(["ip", "link", "delete", "docker0"], capture_output=True, check=False)
    network.drop_chains(CHAINS)
    _restore_forward_policy()


def _remember_forward_policy() -> None:
    """dockerd sets the policy of FORWARD to DROP and does not restore it."""
    if FORWARD_POLICY.exists():
        return
    first = run.output(["iptables", "-S", "FORWARD"]).splitlines()[0]
    FORWARD_POLICY.parent.mkdir(parents=True, exist_ok=True)
    FORWARD_POLICY.write_text(first.split()[-1])


def _restore_forward_policy() -> None:
    with suppress(FileNotFoundError):
        run.output(["iptables", "-P", "FORWARD", FORWARD_POLICY.read_text()])
        FORWARD_POLICY.unlink()


def leftovers() -> list[str]:
    """Containers, volumes and networks that our own dockerd still has, but for caches and volumes without a name and a
    use."""
    if not is_ours():
        return []
    engine = client()
    _remove_nameless_volumes(engine)
    _remove_large_caches(engine)
    found = [f"container {container.name}" for container in engine.containers.list(all=True)]
    found += [f"volume {volume.name}" for volume in engine.volumes.list() if not _is_cache(volume)]
    builtin = {"bridge", "host", "none"}
    return found + [f"network {net.name}" for net in engine.networks.list() if net.name not in builtin]
