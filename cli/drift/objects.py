"""Drift of Kubernetes objects: what `cli.by_hand` finds, with the values of secrets compared too."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from kubernetes import client

from cli.by_hand import edits, fields
from cli.by_hand.edits import Edit
from cli.by_hand.fields import Path
from cli.by_hand.revealed import revealed, secret_paths
from cli.drift import fixes, values
from cli.drift.report import Drift

_NOT_DECLARED = "(not declared)"
_SECRET = "Secret"


def find(api: client.ApiClient, resources: Sequence[Mapping[str, Any]], stack: str) -> list[Drift]:
    """The drift of a state's objects; the state was exported with secrets in clear, which the result does not have."""
    known = {each["urn"]: each for each in resources if not each.get("delete")}
    found = edits.find(api, revealed(resources))
    return [drift for edit in found for drift in described(edit, known[edit.urn], stack)]


def described(edit: Edit, resource: Mapping[str, Any], stack: str) -> Iterator[Drift]:
    """One line for each field; `resource` still marks what is secret."""
    name = f"{edit.kind} {edit.name}"
    if edit.live is None:
        yield Drift("deleted", name, fix=fixes.of_object(stack, resource, "deleted"))
        return
    secrets = {path for part in ("inputs", "outputs") for path in secret_paths(resource.get(part, {}))}
    for path in edit.changed:
        hidden = edit.kind == _SECRET or _touches(path, secrets)
        declared = values.shown(fields.get(edit.before, path), path, hidden=hidden)
        found = values.shown(fields.get(edit.live, path), path, hidden=hidden)
        yield Drift("changed", name, fields.shown(path), declared, found, fixes.of_object(stack, resource, "changed"))
    for path in edit.added:
        found = _added(fields.get(edit.live, path), path, hidden=edit.kind == _SECRET)
        yield Drift("added", name, fields.shown(path), _NOT_DECLARED, found, fixes.of_object(stack, resource, "added"))


def _added(value: Any, path: Path, *, hidden: bool) -> str:
    """A whole item or mapping that was added, such as a variable of a container, is named without its content."""
    return values.HIDDEN if isinstance(value, Mapping | list) else values.shown(value, path, hidden=hidden)


def _touches(path: Path, secrets: Collection[Path]) -> bool:
    """Whether the field is in a secret, or contains one."""
    return any(path[: len(each)] == each or each[: len(path)] == path for each in secrets)
