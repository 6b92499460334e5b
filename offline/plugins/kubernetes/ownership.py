"""Which field manager owns which field of an object, read from `metadata.managedFields`."""

from __future__ import annotations

from .changes import Path
from .objects import Json, Manifest, metadata

_CREATORS = ("pulumi-kubernetes", "pulumi-kubernetes.exe", "pulumi-resource-kubernetes")
# Managers whose fields become ours with the first apply: our own creates, and what a user applied by hand.
_TAKEN_OVER = {("kubectl", "Apply"), ("kubectl", "Update"), ("before-first-apply", "Update")} | {
    (name, "Update") for name in _CREATORS
}


def managed(live: Manifest) -> list[Manifest]:
    """The entries of all managers."""
    return metadata(live).get("managedFields") or []


def _taken(entry: Manifest) -> bool:
    return (entry.get("manager"), entry.get("operation")) in _TAKEN_OVER and not entry.get("subresource")


def has_creator(live: Manifest) -> bool:
    """Whether fields still belong to a plain create of ours; a dry run must not call that a conflict."""
    return any(entry.get("manager") in _CREATORS and entry.get("operation") == "Update" for entry in managed(live))


def take_over(live: Manifest, manager: str) -> list[Manifest]:
    """A JSON patch that makes fields of earlier managers ours; empty where there are none."""
    entries = managed(live)
    taken = [entry for entry in entries if _taken(entry)]
    if not taken:
        return []
    ours = [entry for entry in entries if _ours(entry, manager)]
    fields: Json = {}
    for entry in (*ours, *taken):
        fields = _merge(fields, entry.get("fieldsV1") or {})
    merged = {**(ours or taken)[0], "manager": manager, "operation": "Apply", "fieldsV1": fields}
    rest = [entry for entry in entries if entry not in taken and entry not in ours]
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [merged, *rest]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata(live)["resourceVersion"]},
    ]


def others_own(live: Manifest, manager: str, path: Path) -> bool:
    """Whether someone else owns a field and we don't."""
    owners = [entry for entry in managed(live) if _owns(entry.get("fieldsV1") or {}, path)]
    return bool(owners) and not any(_ours(entry, manager) for entry in owners)


def _ours(entry: Manifest, manager: str) -> bool:
    return bool(entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"))


def _owns(fields: Json, path: Path) -> bool:
    for part in path:
        if not isinstance(fields, dict) or f"f:{part}" not in fields:
            return False
        fields = fields[f"f:{part}"]
    return True


def _merge(left: Json, right: Json) -> Json:
    if not isinstance(left, dict) or not isinstance(right, dict):
        return right
    return {**left, **{key: _merge(left[key], value) if key in left else value for key, value in right.items()}}
