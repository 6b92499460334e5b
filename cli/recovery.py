"""Recovery after the engine was killed during an update.

The engine leaves its lock and pending operations. An object whose creation is pending may exist without being in the
state: it is deleted by its explicit name, and the next update creates it again.
"""

import json
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import psutil
from docker.errors import NotFound

from cli import stack
from common import paths, run
from common.errors import CommandError
from infra.catalogue.names import PLATFORM_LABEL
from offline import machine

FIELD_MANAGER = "pulumi-kubernetes"
_PATCH = "Patch"
"""Ends the type of a resource that changes somebody else's object, which stays; the next update changes it again."""


def recover(name: str, context: str) -> list[str]:
    """Prepare stack `name` on kube context `context` for its next update; the list of actions taken."""
    if not (stack.on_this_machine() and stack.exists(name)):
        return []
    done = _break_dead_lock(name)
    exported = json.loads(stack.pulumi("stack", "export", "--stack", name))
    pending = exported["deployment"].pop("pending_operations", None) or []
    if not pending:
        return done
    for resource in unknown(pending, exported["deployment"].get("resources") or []):
        _discard(resource, context)
    stack.pulumi("stack", "import", "--stack", name, stdin=json.dumps(exported))
    names = ", ".join(operation["resource"]["urn"].rpartition("::")[2] for operation in pending)
    return [*done, f"cleared {len(pending)} unfinished operations ({names})"]


def unknown(pending: Iterable[Mapping[str, Any]], resources: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Resources whose creation is pending and which the state does not have: it may have one that is not ready yet."""
    known = {resource["urn"] for resource in resources}
    creating = [operation["resource"] for operation in pending if operation["type"] == "creating"]
    return [resource for resource in creating if resource["urn"] not in known]


def _break_dead_lock(name: str) -> list[str]:
    """Cancel the update that holds the lock, if its process was on this machine and has exited."""
    folder = paths.PULUMI_BACKEND / ".pulumi" / "locks" / "organization" / stack.PROJECT / name
    locks = list(folder.glob("*.json")) if folder.exists() else []
    for lock in locks:
        holder = json.loads(lock.read_text())
        if holder["hostname"] != socket.gethostname() or psutil.pid_exists(holder["pid"]):
            why = f"process {holder['pid']} on {holder['hostname']} has been updating it since {holder['timestamp']}"
            raise CommandError(f"stack {name} is in use", why, hint="wait until it has finished")
    if locks:
        stack.pulumi("cancel", name, "--yes")
        return ["released the lock of an engine that was killed"]
    return []


def _discard(resource: Mapping[str, Any], context: str) -> None:
    inputs = resource.get("inputs", {})
    if resource["type"] == "docker:index/container:Container":
        with suppress(NotFound):
            machine.docker_client().containers.get(inputs["name"]).remove(force=True, v=True)
    elif resource["type"].startswith("kubernetes:") and not resource["type"].endswith(_PATCH):
        _discard_object(resource["type"], inputs.get("metadata", {}), context)


def _discard_object(token: str, metadata: Mapping[str, Any], context: str) -> None:
    """Delete the object if Pulumi created it; an object of another manager stays."""
    kubectl = ["kubectl", "--context", context]
    target = [_kubectl_kind(token), str(metadata["name"]), *_in_namespace(metadata)]
    environment = stack.environment(context)
    get = ["get", *target, "--ignore-not-found", "--show-managed-fields", "--output", "json"]
    found = run.output([*kubectl, *get], environment=environment)
    if not found:
        return
    if "Namespace" in target[0] and PLATFORM_LABEL not in json.loads(found)["metadata"].get("labels", {}):
        return
    managers = [entry["manager"] for entry in json.loads(found)["metadata"].get("managedFields", [])]
    if any(manager.startswith(FIELD_MANAGER) for manager in managers):
        run.output([*kubectl, "delete", *target, "--ignore-not-found"], environment=environment)


def _kubectl_kind(token: str) -> str:
    """`kubernetes:apps/v1:Deployment` in kubectl's form, `Deployment.v1.apps`."""
    _, group_version, kind = token.split(":")
    group, _, version = group_version.rpartition("/")
    return kind if group in ("", "core") else f"{kind}.{version}.{group}"


def _in_namespace(metadata: Mapping[str, Any]) -> list[str]:
    return ["--namespace", str(metadata["namespace"])] if metadata.get("namespace") else []
