"""Checks before anything is changed: the declaration, privileges, disk, ports, base image."""

import os
import platform
import shutil
import socket
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import psutil

from cli import docker_preflight, stack
from cli.forward import require_kubectl
from common import paths
from common.console import Progress, console
from common.errors import CommandError
from infra.catalogue.aws.instance_types import partition
from infra.catalogue.names import PART_LABEL, PROJECT, local_object_store, local_registry
from infra.declaration.cluster import ClusterFoundation
from infra.declaration.entrances import LocalEntrance
from infra.declaration.foundations import Foundation, LocalFoundation
from infra.declaration.loader import load
from infra.declaration.model import Platform
from infra.declaration.problems import DeclarationError
from offline import machine
from offline.machine import Installed

_KINDS = {
    "downloaded": "official",
    "built": "built here, from its Go module",
    "stand-in": "a stand-in for previews",
    "missing": "missing",
}
DISK_GIB = 12
"""Free disk that a first `make up` may need: tools, Go's build cache, images."""


def declaration(stack: str, *, values: bool = True) -> Platform:
    """The stack's declaration, or an error with everything that is wrong with it; without `values`, secrets may lack
    theirs."""
    file = paths.REPOSITORY / f"Pulumi.{stack}.yaml"
    if not file.exists():
        known = [name_of(path) for path in sorted(paths.REPOSITORY.glob("Pulumi.*.yaml"))]
        raise CommandError(
            f"no stack {stack}", f"{file.name} does not exist", hint=f"STACK is one of {', '.join(known)}"
        )
    try:
        return load(file, values=values)
    except DeclarationError as error:
        raise CommandError(f"{file.name} is invalid", str(error), hint="nothing was changed; fix the file") from None


def name_of(stack_file: Path) -> str:
    """The stack's name, which may contain dots."""
    return stack_file.name.removeprefix("Pulumi.").removesuffix(".yaml")


def kube_context(platform: Platform, stack: str) -> str:
    """The kube context of the stack's cluster; for EKS, as `aws eks update-kubeconfig` names it."""
    local, cluster, aws = platform.foundation.local, platform.foundation.cluster, platform.foundation.aws
    if local is not None:
        return machine.CONTEXT
    if cluster is not None:
        return cluster.kube_context
    assert aws is not None
    return f"arn:{partition(aws.region)}:eks:{aws.region}:{aws.account}:cluster/{PROJECT}-{stack}"


def preflight(stack: str) -> int:
    """`make preflight`: what can be known before a deployment; the exit code."""
    declared = declaration(stack)
    if declared.foundation.aws is not None:
        from cli import aws_preflight  # the AWS SDK is for stacks on AWS only

        aws_preflight.check(stack, declared)
    elif declared.foundation.cluster is not None:
        existing_cluster(stack, declared, declared.foundation.cluster, starts_pod=True)
    else:
        console.print("[dim]preflight: nothing to check on the local foundation[/]")
    return 0


def existing_cluster(name: str, declared: Platform, settings: ClusterFoundation, *, starts_pod: bool = False) -> None:
    """Check the cluster and the registry of stack `name`; with `starts_pod` also by packets."""
    from cli import cluster_preflight

    machine.ensure_engine(Progress())  # it decrypts the registry's passwords
    cluster_preflight.check(name, declared, settings, starts_pod=starts_pod)


def require_machine(
    namespace: str, local: LocalFoundation, *, objects: bool = False, entrance: LocalEntrance | None = None
) -> None:
    """Check privileges, disk and ports of a machine that will run the local cluster, with `objects` a store, and with
    `entrance` a gateway."""
    if os.geteuid() != 0 or platform.system() != "Linux":
        raise CommandError(
            "the local cluster needs root on Linux",
            f"this is user {os.geteuid()} on {platform.system()}",
            hint="run as root, or declare platform.foundation.cluster to use a cluster of your own",
        )
    free = shutil.disk_usage(_existing(paths.CACHE)).free / 2**30
    if free < DISK_GIB and not paths.CACHE.exists():
        hint = "free some space, or set XDG_CACHE_HOME to a larger disk"
        raise CommandError("not enough disk", f"{free:.1f} GiB free at {paths.CACHE}, {DISK_GIB} needed", hint=hint)
    if free < 1:
        raise CommandError("the disk is full", f"{free:.2f} GiB free at {paths.CACHE}", hint="free at least 1 GiB")
    _require_free(machine.API_PORT, "", ())
    parts = {local_registry(namespace): [local.registry_port, local.registry_metrics_port]}
    if objects:
        parts[local_object_store(namespace)] = [local.object_store_port]
    if entrance is not None:
        own = machine.entrances(entrance.service_address)
        _require_free(entrance.https_port, "platform.gateway.local.httpsPort", own)
        _require_free(entrance.http_port, "platform.gateway.local.httpPort", own)
    for part, ports in parts.items():
        own = machine.published_ports(f"{PART_LABEL}={part}")
        for port in ports:
            _require_free(port, "platform.foundation.local.registryPort", own)


def require_tools(settings: ClusterFoundation) -> None:
    """Check what deploying to an existing cluster needs; nothing of it is installed or started here."""
    require_kubectl(stack.environment(settings.kube_context))
    docker_preflight.require_engine()
    if machine.lacks_base_image(settings.base_image):
        raise CommandError(
            f"platform.foundation.cluster.baseImage: '{settings.base_image}' is not on this machine",
            "it is in no registry; `make up` builds it on the local foundation only",
            hint=f"set baseImage to an image that can be pulled, such as {machine.PUBLIC_BASE_IMAGE}",
        )


def official_plugins(platform: Platform) -> None:
    """Stop before anything is changed if a plugin is a stand-in, or missing, where only official ones deploy."""
    lacking = unofficial_plugins(platform)
    if not lacking:
        return
    folder = paths.PULUMI_HOME / "plugins"
    found = [f"{each.plugin.name} is {_KINDS[each.kind]}" for each in lacking]
    install = f"PULUMI_HOME={paths.PULUMI_HOME} {machine.engine()} plugin install resource"
    raise CommandError(
        "the official plugins are not installed: " + ", ".join(each.plugin.name for each in lacking),
        f"a download was refused, or did not begin in {machine.DOWNLOAD_SECONDS:.0f} s. In {folder},\n"
        + ", ".join(found),
        hint="nothing was changed; `make preview` needs none of them. Install them, with --file <archive> where they\n"
        "can't be downloaded, or name a mirror in PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES and run the command again:\n"
        + "\n".join(f"{install} {each.plugin.name} {each.plugin.version} --reinstall" for each in lacking),
    )


def unofficial_plugins(platform: Platform) -> Sequence[Installed]:
    """The plugins that must not deploy to the foundation as they are installed."""
    accepted = _accepted(platform.foundation)
    installed = machine.installed_plugins(paths.PULUMI_HOME)
    return [each for each in installed if each.kind not in accepted.get(each.plugin.name, _KINDS)]


def _accepted(foundation: Foundation) -> Mapping[str, Collection[str]]:
    """The kinds of plugins that may deploy, by name; of others, any may.

    On AWS, only what Pulumi publishes. For a cluster, the official kubernetes plugin may have been built here. With a
    registry on this machine, it is a trial on this machine.
    """
    if foundation.aws is not None:
        return dict.fromkeys(("aws", "docker", "kubernetes", "random"), ("downloaded",))
    if foundation.cluster is not None and not _is_loopback(foundation.cluster.registry.server):
        return dict.fromkeys(("docker", "kubernetes", "random"), ("downloaded", "built"))
    return {}


def _is_loopback(server: str) -> bool:
    return server.partition(":")[0] in ("127.0.0.1", "localhost")


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def _require_free(port: int, setting: str, own: Collection[int]) -> None:
    """Fail unless the port is free, one of the stack's `own` containers', or in use by a process of ours."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return
        except OSError:
            pass
    holder = _holder(port)
    if port in own or (holder is not None and _is_ours(holder)):
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
    """The API server runs from our state folder."""
    return any(str(paths.STATE) in word for word in process.cmdline())
