"""Finds what was changed by hand, and takes it back as far as the next update does not.

The state has what the declaration wanted of each object, and what the cluster made of it. Another value of a declared
field, a missing object, and a field that `kubectl` has added were changed by hand. Fields that a controller of
Kubernetes has set, such as an autoscaler's replicas, are left alone. Secrets are compared as far as the resources have
them in clear; of encrypted ones, only the keys.
"""

import copy
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from cli.by_hand import fields
from cli.by_hand.fields import Path
from cli.by_hand.ignored import is_ignored

_PREFIX = "kubernetes:"
_RUNS = ("Job", "JobSet")
"""A run that was deleted need not run again."""
_ONLY_THERE = ("PersistentVolumeClaim", "Node")
"""Kinds whose fields are changed by many: only their absence is noticed."""
_BY_HAND = "kubectl"
"""The field managers of kubectl begin so. A restart by `kubectl rollout` is no change of what is declared."""
_RESTART = "kubectl-rollout"
_CONTROLLERS = ("kube-controller-manager", "kube-scheduler", "kubelet", "kwok", "keda", "vpa-", "ml-platform-")
_OWN = "pulumi-kubernetes"
_AT_ONCE = 8
"""Fewer than the connections that the client keeps."""
_REFUSED, _CONFLICT = 400, 409
_ATTEMPTS = 10
_NOT_COMPARED = {("apiVersion",), ("kind",), ("status",)}

Object = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """One changed object of the stack. `live` is None if it was deleted."""

    urn: str
    kind: str
    name: str
    url: str
    live: Object | None
    changed: tuple[Path, ...] = ()
    """Declared fields with another value."""
    added: tuple[Path, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    """The object after the last update."""

    def __str__(self) -> str:
        if self.live is None:
            return f"{self.kind} {self.name}: deleted"
        return f"{self.kind} {self.name}: {', '.join(fields.shown(path) for path in (*self.changed, *self.added))}"


def find(api: client.ApiClient, resources: Iterable[Mapping[str, Any]]) -> list[Edit]:
    """The edits of a stack's resources, as the state has these."""
    urls = _Urls(api)
    ours = [resource for resource in resources if is_compared(resource)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda resource: _edit(api, urls, resource), ours)
        return [edit for edit in found if edit is not None]


def undo(api: client.ApiClient, edits: Iterable[Edit]) -> None:
    """Put back what the state knows, and remove claims to these fields, which would be in the next update's way."""
    for edit in edits:
        if edit.live is not None:
            _update(api, edit.url, partial(restored, before=edit.before, changed=edit.changed, added=edit.added))
            _update(api, edit.url, partial(unclaimed, touched={*edit.changed, *edit.added}))


def restored(live: Object, before: Mapping[str, Any], changed: Iterable[Path], added: Iterable[Path]) -> Object:
    """The object without added fields and with the values before; what is secret is left to the next update."""
    found = copy.deepcopy(live)
    for path in added:
        fields.remove(found, path)
    for path in changed:
        fields.put(found, before, path)
    return found


def unclaimed(live: Object, touched: Collection[Path]) -> Object:
    """The object without the field managers that claim one of these fields."""
    found = copy.deepcopy(live)
    entries = found["metadata"].get("managedFields", [])
    found["metadata"]["managedFields"] = [
        entry
        for entry in entries
        if _may_stay(entry) or not set(touched) & set(fields.owned(entry.get("fieldsV1", {})))
    ]
    return found


def _may_stay(entry: Mapping[str, Any]) -> bool:
    return entry["manager"].startswith((_OWN, *_CONTROLLERS)) or entry.get("subresource") == "status"


def is_compared(resource: Mapping[str, Any]) -> bool:
    """Whether the resource is an object that the stack has created, and no run of a job."""
    type_, kind = str(resource["type"]), str(resource["type"]).rpartition(":")[2]
    is_object = type_.startswith(_PREFIX) and resource.get("custom") and "metadata" in resource.get("outputs", {})
    return bool(is_object) and kind not in _RUNS and not kind.endswith("Patch") and not resource.get("delete")


def _edit(api: client.ApiClient, urls: "_Urls", resource: Mapping[str, Any]) -> Edit | None:
    inputs, outputs = resource.get("inputs", {}), resource["outputs"]
    url = urls.of(outputs)
    if url is None:
        return None
    metadata = outputs["metadata"]
    name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    live = _read(api, url)
    if live is None or live["metadata"].get("uid") != metadata.get("uid"):
        return Edit(resource["urn"], outputs["kind"], name, url, None)
    if outputs["kind"] in _ONLY_THERE:
        return None
    ignored = resource.get("ignoreChanges", ())
    changed, added = tuple(_changed(inputs, outputs, live, ignored)), tuple(_added(inputs, live))
    return (
        Edit(resource["urn"], outputs["kind"], name, url, live, changed, added, outputs) if changed or added else None
    )


def _changed(
    inputs: Mapping[str, Any], outputs: Mapping[str, Any], live: Object, ignored: Collection[str] = ()
) -> Iterator[Path]:
    """Declared fields with another value than after the last update, which no controller has set, and which the stack
    does not ignore.
    """
    by_controllers = set(_claims(live, lambda manager: manager.startswith(_CONTROLLERS)))
    for path in fields.leaves(_comparable(inputs)):
        before, now = fields.get(outputs, path), fields.get(live, path)
        if path[:1] in _NOT_COMPARED or fields.missing(before) or is_ignored(path, ignored):
            continue
        if fields.is_secret(before):
            yield from _gone(path, outputs, live)
        elif (fields.missing(now) or not fields.same(before, now)) and path not in by_controllers:
            yield path


def _gone(secret: Path, outputs: Mapping[str, Any], live: Object) -> Iterator[Path]:
    """What is missing of a secret value. The state has its keys in clear as fields that the last update has set."""
    if fields.missing(fields.get(live, secret)):
        yield secret
        return
    for path in _claims(outputs, lambda manager: manager.startswith(_OWN)):
        if path[: len(secret)] == secret and fields.missing(fields.get(live, path)):
            yield path


def _added(inputs: Mapping[str, Any], live: Object) -> Iterator[Path]:
    """Fields that are not declared. What is secret can't be compared: each field of it that kubectl has set counts."""
    declared = _comparable(inputs)
    items: set[Path] = set()
    for path in _claims(live, _is_by_hand):
        inside = any(path[: len(item)] == item for item in items)
        if inside or fields.missing(fields.get(live, path)) or not fields.missing(fields.get(declared, path)):
            continue
        if path[-1].startswith("k:"):
            items.add(path)
        yield path


def _comparable(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a Secret as the cluster keeps them."""
    if "stringData" not in inputs:
        return dict(inputs)
    others = {key: value for key, value in inputs.items() if key != "stringData"}
    return {**others, "data": inputs["stringData"]}


def _claims(live: Mapping[str, Any], chosen: Any) -> Iterator[Path]:
    for entry in live["metadata"].get("managedFields", []):
        if chosen(entry["manager"]) and entry.get("subresource") != "status":
            yield from fields.owned(entry.get("fieldsV1", {}))


def _is_by_hand(manager: str) -> bool:
    return manager.startswith(_BY_HAND) and manager != _RESTART


class _Urls:
    """Where objects are in the API, by what it says of its kinds."""

    def __init__(self, api: client.ApiClient) -> None:
        self._kinds = cache(lambda version: _kinds(api, version))

    def of(self, outputs: Mapping[str, Any]) -> str | None:
        """None if the API does not know the kind."""
        version, metadata = outputs["apiVersion"], outputs["metadata"]
        kind = self._kinds(version).get(outputs["kind"])
        if kind is None:
            return None
        namespace = f"/namespaces/{metadata['namespace']}" if kind["namespaced"] else ""
        return f"{_group(version)}{namespace}/{kind['name']}/{metadata['name']}"


def _group(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _kinds(api: client.ApiClient, version: str) -> dict[str, Any]:
    found = _read(api, _group(version)) or {"resources": []}
    return {each["kind"]: each for each in found["resources"] if "/" not in each["name"]}


def _read(api: client.ApiClient, url: str) -> Object | None:
    try:
        return _call(api, "GET", url)
    except ApiException as error:
        if error.status == 404:
            return None
        raise


def _update(api: client.ApiClient, url: str, change: Callable[[Object], Object]) -> None:
    """Again where a controller was faster."""
    for attempt in range(_ATTEMPTS):
        live = _read(api, url)
        if live is None:
            return
        try:
            _call(api, "PUT", url, change(live))
            return
        except ApiException as error:
            if error.status != _CONFLICT or attempt == _ATTEMPTS - 1:
                raise


def _call(api: client.ApiClient, method: str, url: str, body: Object | None = None) -> Object:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    request = api.param_serialize(
        method=method, resource_path=url, header_params=headers, body=body, auth_settings=["BearerToken"]
    )
    answer = api.call_api(*request)
    answer.read()
    if answer.status >= _REFUSED:
        raise ApiException(status=answer.status, reason=f"{method} {url}: {_message(answer.data) or answer.reason}")
    found: Object = json.loads(answer.data)
    return found


def _message(body: bytes) -> str:
    """Of a Status object; what stands between here and the API may answer with something else."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return ""
