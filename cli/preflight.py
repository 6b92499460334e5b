"""What must hold before anything is touched: the declaration, privileges, free disk, free ports, a base image."""

import os
import platform
import shutil
import socket
from pathlib import Path

import psutil

from cli import stack
from cli.forward import require_kubectl
from common import paths
from common.errors import WorkstationError
from infra.catalogue.aws.instance_types import partition
from infra.catalogue.names import PROJECT
from infra.declaration import DeclarationError, Platform, load
from infra.declaration.foundations import LocalFoundation
from offline import base_image, docker_engine, toolchain
from offline.cluster.addresses import API_PORT, CONTEXT
from offline.plugins.install import PROBE_SECONDS, kind_of
from offline.plugins.sdk import required_plugins

DISK_GIB = 12
"""Free space that a first `make up` may need: tools, Go's build cache, images."""


def declaration(stack: str) -> Platform:
    """The stack's declaration, or everything that is wrong with it."""
    file = paths.REPOSITORY / f"Pulumi.{stack}.yaml"
    if not file.exists():
        known = sorted(path.name.split(".")[1] for path in paths.REPOSITORY.glob("Pulumi.*.yaml"))
        raise WorkstationError(
            f"no stack {stack}", f"{file.name} is not there", hint=f"STACK is one of {', '.join(known)}"
        )
    try:
        return load(file)
    except DeclarationError as error:
        raise WorkstationError(
            f"{file.name} can't be built", str(error), hint="nothing was touched; mend the file"
        ) from None


def own_cluster(platform: Platform) -> LocalFoundation | None:
    """The local foundation, where it names the workstation's cluster and not one of the user's own."""
    local = platform.foundation.local
    return local if local is not None and local.kube_context == CONTEXT else None


def uses_own_cluster(platform: Platform) -> bool:
    """Whether the platform stands on the workstation's cluster."""
    return own_cluster(platform) is not None


def kube_context(platform: Platform, stack: str) -> str:
    """The context that names the stack's cluster; one in EKS has the name that `aws eks update-kubeconfig` gives it."""
    local, aws = platform.foundation.local, platform.foundation.aws
    if local is not None:
        return local.kube_context
    assert aws is not None
    return f"arn:{partition(aws.region)}:eks:{aws.region}:{aws.account}:cluster/{PROJECT}-{stack}"


def machine(local: LocalFoundation) -> None:
    """Privileges, disk and ports of a machine that is to run the local cluster."""
    if os.geteuid() != 0 or platform.system() != "Linux":
        raise WorkstationError(
            "the local cluster needs root on Linux",
            f"this is user {os.geteuid()} on {platform.system()}",
            hint="run as root, or name a kube context of your own in platform.foundation.local.kubeContext",
        )
    free = shutil.disk_usage(_existing(paths.CACHE)).free / 2**30
    if free < DISK_GIB and not paths.CACHE.exists():
        hint = "free some space, or set XDG_CACHE_HOME to a larger disk"
        raise WorkstationError("not enough disk", f"{free:.1f} GiB free at {paths.CACHE}, {DISK_GIB} needed", hint=hint)
    if free < 1:
        raise WorkstationError("the disk is full", f"{free:.2f} GiB free at {paths.CACHE}", hint="free at least 1 GiB")
    _require_free(API_PORT, "")
    for port in (local.registry_port, local.registry_metrics_port):
        _require_free(port, "platform.foundation.local.registryPort")


def other_cluster(local: LocalFoundation) -> None:
    """What a machine must have to work on a cluster of the user's own: nothing of it is installed or started here."""
    require_kubectl(stack.environment(local.kube_context))
    if docker_engine.host() is None:
        why = f"images are built with one; it is started here only for the cluster {CONTEXT}"
        raise WorkstationError("no Docker engine answers", why, hint="start Docker, or name its socket in DOCKER_HOST")
    if local.base_image == base_image.IMAGE and not docker_engine.client().images.list(base_image.IMAGE):
        raise WorkstationError(
            f"platform.foundation.local.baseImage: '{local.base_image}' is not on this machine",
            f"it is in no registry, and is made here only for the cluster {CONTEXT}",
            hint=f"set baseImage to something that can be pulled, such as {base_image.PUBLIC_IMAGE}",
        )


def official_aws_plugin(platform: Platform) -> None:
    """Stop before anything is touched where the AWS plugin is only a stand-in, which can preview but not deploy."""
    if platform.foundation.aws is None:
        return
    folder = paths.PULUMI_HOME / "plugins"
    (plugin,) = [wanted for wanted in required_plugins() if wanted.name == "aws"]
    kind = kind_of(folder, plugin)
    if kind == "official":
        return
    install = f"{toolchain.engine()} plugin install resource aws {plugin.version} --reinstall"
    refused = f"its download was refused or did not begin in {PROBE_SECONDS:.0f} s; what is installed is a stand-in\n"
    raise WorkstationError(
        "the official AWS plugin is not installed",
        f"{refused}for previews: {folder / plugin.folder}" if kind == "stand-in" else f"not in {folder}",
        hint=f"PULUMI_HOME={paths.PULUMI_HOME} {install}",
    )


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def _require_free(port: int, setting: str) -> None:
    """A port is free, or held by a process of ours."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return
        except OSError:
            pass
    holder = _holder(port)
    if holder is not None and _is_ours(holder):
        return
    who = f"{holder.name()} (process {holder.pid})" if holder else "another program"
    hint = f"end that program, or set another {setting}" if setting else "end that program"
    raise WorkstationError(f"port {port} is in use", f"{who} listens there", hint=hint)


def _holder(port: int) -> psutil.Process | None:
    """The process that listens on `port` where loopback would be served too."""
    places = {(address, port) for address in ("127.0.0.1", "0.0.0.0", "::", "::1")}
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr) in places and connection.pid:
            return psutil.Process(connection.pid)
    return None


def _is_ours(process: psutil.Process) -> bool:
    """The API server runs from our state; the registry's port is held by the engine's proxy for its container."""
    return process.name() == "docker-proxy" or any(str(paths.STATE) in word for word in process.cmdline())
