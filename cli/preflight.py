"""Checks before anything is changed: the declaration, privileges, disk, ports, base image."""

import os
import platform
import shutil
import socket
from pathlib import Path

import psutil

from cli import stack
from cli.forward import require_kubectl
from common import paths
from common.errors import CommandError
from infra.catalogue.aws.instance_types import partition
from infra.catalogue.names import PROJECT
from infra.declaration.foundations import LocalFoundation
from infra.declaration.loader import load
from infra.declaration.model import Platform
from infra.declaration.problems import DeclarationError
from offline import machine

DISK_GIB = 12
"""Free disk that a first `make up` may need: tools, Go's build cache, images."""


def declaration(stack: str) -> Platform:
    """The stack's declaration, or an error with everything that is wrong with it."""
    file = paths.REPOSITORY / f"Pulumi.{stack}.yaml"
    if not file.exists():
        known = [name_of(path) for path in sorted(paths.REPOSITORY.glob("Pulumi.*.yaml"))]
        raise CommandError(
            f"no stack {stack}", f"{file.name} does not exist", hint=f"STACK is one of {', '.join(known)}"
        )
    try:
        return load(file)
    except DeclarationError as error:
        raise CommandError(f"{file.name} is invalid", str(error), hint="nothing was changed; fix the file") from None


def name_of(stack_file: Path) -> str:
    """The stack's name, which may contain dots."""
    return stack_file.name.removeprefix("Pulumi.").removesuffix(".yaml")


def own_cluster(platform: Platform) -> LocalFoundation | None:
    """The local foundation, if it is on the cluster that `make up` starts rather than on an existing one."""
    local = platform.foundation.local
    return local if local is not None and local.kube_context == machine.CONTEXT else None


def uses_own_cluster(platform: Platform) -> bool:
    """Whether the platform runs on the cluster that `make up` starts."""
    return own_cluster(platform) is not None


def kube_context(platform: Platform, stack: str) -> str:
    """The kube context of the stack's cluster; for EKS, as `aws eks update-kubeconfig` names it."""
    local, aws = platform.foundation.local, platform.foundation.aws
    if local is not None:
        return local.kube_context
    assert aws is not None
    return f"arn:{partition(aws.region)}:eks:{aws.region}:{aws.account}:cluster/{PROJECT}-{stack}"


def require_machine(local: LocalFoundation) -> None:
    """Check privileges, disk and ports of a machine that will run the local cluster."""
    if os.geteuid() != 0 or platform.system() != "Linux":
        raise CommandError(
            "the local cluster needs root on Linux",
            f"this is user {os.geteuid()} on {platform.system()}",
            hint="run as root, or set platform.foundation.local.kubeContext to a cluster of your own",
        )
    free = shutil.disk_usage(_existing(paths.CACHE)).free / 2**30
    if free < DISK_GIB and not paths.CACHE.exists():
        hint = "free some space, or set XDG_CACHE_HOME to a larger disk"
        raise CommandError("not enough disk", f"{free:.1f} GiB free at {paths.CACHE}, {DISK_GIB} needed", hint=hint)
    if free < 1:
        raise CommandError("the disk is full", f"{free:.2f} GiB free at {paths.CACHE}", hint="free at least 1 GiB")
    _require_free(machine.API_PORT, "")
    for port in (local.registry_port, local.registry_metrics_port):
        _require_free(port, "platform.foundation.local.registryPort")


def require_other_cluster(local: LocalFoundation) -> None:
    """Check what deploying to an existing cluster needs; nothing of it is installed or started here."""
    require_kubectl(stack.environment(local.kube_context))
    if machine.docker_host() is None:
        why = f"it builds the images; `make up` starts one only for the cluster {machine.CONTEXT}"
        raise CommandError("no Docker engine answers", why, hint="start Docker, or name its socket in DOCKER_HOST")
    if machine.lacks_base_image(local.base_image):
        raise CommandError(
            f"platform.foundation.local.baseImage: '{local.base_image}' is not on this machine",
            f"it is in no registry; `make up` builds it only for the cluster {machine.CONTEXT}",
            hint=f"set baseImage to an image that can be pulled, such as {machine.PUBLIC_BASE_IMAGE}",
        )


def official_aws_plugin(platform: Platform) -> None:
    """Stop before anything is changed if the AWS plugin is a stand-in, which can preview but not deploy."""
    if platform.foundation.aws is None:
        return
    folder = paths.PULUMI_HOME / "plugins"
    found = machine.installed_plugin(paths.PULUMI_HOME, "aws")
    if found.official:
        return
    install = f"{machine.engine()} plugin install resource aws {found.plugin.version} --reinstall"
    refused = (
        f"its download was refused or did not begin in {machine.DOWNLOAD_SECONDS:.0f} s; "
        f"what is installed is a stand-in\nfor previews: {folder / found.plugin.folder}"
    )
    raise CommandError(
        "the official AWS plugin is not installed",
        refused if found.kind == "stand-in" else f"not in {folder}",
        hint=f"PULUMI_HOME={paths.PULUMI_HOME} {install}",
    )


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def _require_free(port: int, setting: str) -> None:
    """Fail unless the port is free, or in use by a process of ours."""
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
    hint = f"stop that program, or change {setting}" if setting else "stop that program"
    raise CommandError(f"port {port} is in use", f"{who} is listening on it", hint=hint)


def _holder(port: int) -> psutil.Process | None:
    """The process that listens on `port` of loopback or of all interfaces."""
    places = {(address, port) for address in ("127.0.0.1", "0.0.0.0", "::", "::1")}
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr) in places and connection.pid:
            return psutil.Process(connection.pid)
    return None


def _is_ours(process: psutil.Process) -> bool:
    """The API server runs from our state folder; docker-proxy holds the registry's port."""
    return process.name() == "docker-proxy" or any(str(paths.STATE) in word for word in process.cmdline())
