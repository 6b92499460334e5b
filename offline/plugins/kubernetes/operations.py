"""Create, update and delete: one object, its fields owned by one field manager of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from offline.plugins.provider import ProviderError

from . import ownership
from .changes import Path, parse, value_at
from .cluster import APPLY, JSON_PATCH, ApiError, Cluster, NoSuchKind
from .kinds import GVK
from .objects import Manifest, annotated_true, annotation, name_of, namespace_of
from .unknown_fields import drop, without_refused

CREATOR = "pulumi-kubernetes"  # the manager of a plain create; the first update hands its fields to the object's own
_PAUSES_S = (1, 1, 2, 4, 8, 16, 32)  # a namespace or CRD of the same program may be on its way
_CONFLICT_HELP = (
    "https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/"
    "managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources"
)
_EXISTS_HELP = """

The resource already exists in the cluster. This can happen when:

  - Renaming a Pulumi resource: use an alias to preserve the identity,
    or use deleteBeforeReplace if the resource needs replacement.
  - Managing an existing resource: set only some of its fields with a Patch resource (e.g. NamespacePatch).
  - Adopting a resource into Pulumi: use `pulumi import`. Note that
    protected resources (e.g. kube-system) cannot be deleted on destroy.
  - Intentional upsert: set upsertExistingObjects on the provider to allow
    server-side apply to update existing objects on create."""

Say = Callable[[str, str], None]  # severity, message


@dataclass
class Operations:
    """What a program's resources do to a cluster."""

    cluster: Cluster
    cancelled: Event
    upsert: bool = False
    force: bool = False
    server_side_apply: bool = True

    def create(self, inputs: Manifest, manager: str, preview: bool, say: Say) -> Manifest:
        """The new object as the server stored it. A missing kind or namespace is waited for, but not at preview."""
        for attempt, pause in enumerate((*_PAUSES_S, None)):
            try:
                return self._create(inputs, manager, preview)
            except (NoSuchKind, ApiError) as error:
                missing = isinstance(error, NoSuchKind) or error.status == 404
                if not missing or preview or pause is None:
                    raise
                say("info", f"Retry #{attempt + 1}; creation failed: {error}")
                if self.cancelled.wait(pause):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _create(self, inputs: Manifest, manager: str, preview: bool) -> Manifest:
        if self.upsert and self.server_side_apply:
            return self._apply(inputs, manager, preview, force=preview or self._forced(inputs))
        query = {"fieldManager": CREATOR, **_dry_run(preview)}
        try:
            path = self.cluster.path(GVK.of(inputs), namespace_of(inputs))
            return self.cluster.request("POST", path, query, inputs)
        except ApiError as error:
            if error.reason == "AlreadyExists" and not preview:
                raise ProviderError(f"{error}{_EXISTS_HELP}") from error
            raise

    def update(self, old: Manifest, inputs: Manifest, manager: str, preview: bool, ignored: list[str]) -> Manifest:
        """The object with new inputs; fields that the inputs no longer have are given up."""
        live = self.cluster.get(old)
        if GVK.of(inputs).kind == "CustomResourceDefinition":
            return self._replace(live, inputs, manager, preview)
        if not preview:
            live = self._take_over(live, manager)
        wanted = _with_ignored(inputs, live, manager, [parse(path) for path in ignored])
        force = self._forced(inputs) or (preview and ownership.has_creator(live))
        return self._apply(wanted, manager, preview, force or not ownership.managed(live))

    def _replace(self, live: Manifest, inputs: Manifest, manager: str, preview: bool) -> Manifest:
        meta = {**inputs["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}
        query = {"fieldManager": manager, **_dry_run(preview)}
        return self.cluster.request("PUT", self.cluster.object_path(live), query, {**inputs, "metadata": meta})

    def _take_over(self, live: Manifest, manager: str) -> Manifest:
        patch = ownership.take_over(live, manager)
        if not patch:
            return live
        return self.cluster.request("PATCH", self.cluster.object_path(live), None, patch, JSON_PATCH)

    def _apply(self, inputs: Manifest, manager: str, preview: bool, force: bool) -> Manifest:
        query = {"fieldManager": manager, "force": str(force).lower(), **_dry_run(preview)}
        path = self.cluster.object_path(inputs)
        try:
            return self.cluster.request("PATCH", path, query, json.dumps(inputs).encode(), APPLY)
        except ApiError as error:
            known = without_refused(inputs, str(error))
            if known != inputs:
                return self._apply(known, manager, preview, force)
            if error.reason == "Conflict":
                raise ProviderError(
                    f"server-side apply field conflict detected, see {_CONFLICT_HELP} for troubleshooting help\n"
                    f'The resource managed by field manager "{manager}" had an apply conflict: {error}'
                ) from error
            raise

    def _forced(self, inputs: Manifest) -> bool:
        return self.force or annotated_true(inputs, "pulumi.com/patchForce")

    def delete(self, live: Manifest, inputs: Manifest, timeout_s: float, say: Say) -> None:
        """Deletes an object and what it owns, and returns when they are gone."""
        try:
            path = self.cluster.object_path(live)
            self.cluster.request("DELETE", path, None, {"propagationPolicy": _propagation(inputs)})
        except NoSuchKind:
            return
        except ApiError as error:
            if error.status == 404:
                return
            raise
        if not (annotated_true(inputs, "pulumi.com/skipAwait") and GVK.of(live).kind in _MAY_SKIP_DELETE):
            self._wait_until_gone(path, live, timeout_s, say)

    def _wait_until_gone(self, path: str, last: Manifest, timeout_s: float, say: Say) -> None:
        uid = (last.get("metadata") or {}).get("uid")
        started, pause, shown = time.monotonic(), 0.05, ""
        while time.monotonic() - started < timeout_s:
            try:
                last = self.cluster.request("GET", path)
            except ApiError as error:
                if error.status == 404:
                    return
                raise
            if uid and last["metadata"].get("uid") != uid:
                return  # another object of the same name
            progress = _deletion_progress(last, time.monotonic() - started)
            if progress != shown:
                say("info", progress)
                shown = progress
            pause = min(pause * 1.5, 0.5)
            if self.cancelled.wait(pause):
                raise ProviderError(f'waiting for the deletion of "{name_of(last)}" was cancelled')
        finalizers = ", ".join(last["metadata"].get("finalizers", []))
        say("warning!", f"finalizers might be preventing deletion ({finalizers})")
        raise ProviderError("timed out waiting for the condition")


_MAY_SKIP_DELETE = ("DaemonSet", "Deployment", "Job", "Namespace", "Pod", "ReplicationController", "StatefulSet")


def _dry_run(preview: bool) -> dict[str, str]:
    return {"dryRun": "All"} if preview else {}


def _propagation(inputs: Manifest) -> str:
    asked = annotation(inputs, "pulumi.com/deletionPropagationPolicy").capitalize()
    return asked if asked in ("Orphan", "Background") else "Foreground"


def _deletion_progress(live: Manifest, elapsed_s: float) -> str:
    finalizers = live["metadata"].get("finalizers", [])
    conditions = (live.get("status") or {}).get("conditions") or []
    remaining = [c["message"] for c in conditions if c.get("status") == "True" and "emaining" in c.get("type", "")]
    if remaining:
        return "; ".join(remaining)
    if finalizers and elapsed_s > 10:
        return f"finalizers might be preventing deletion ({', '.join(finalizers)})"
    return "Resource scheduled for deletion" if elapsed_s > 1 else ""


def _with_ignored(inputs: Manifest, live: Manifest, manager: str, ignored: list[Path]) -> Manifest:
    """Inputs that leave ignored fields as they are: another manager's are left out, ours are sent as they stand."""
    result: Manifest = json.loads(json.dumps(inputs))
    for path in ignored:
        if ownership.others_own(live, manager, path):
            drop(result, path)
        else:
            _copy_value(live, result, path)
    return result


def _copy_value(source: Manifest, into: Manifest, path: Path) -> None:
    value, parent = value_at(source, path), value_at(into, path[:-1])
    if value is not None and isinstance(parent, dict):
        parent[path[-1]] = value
