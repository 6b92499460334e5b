"""What differs between the inputs and the last known object, and which differences need a new object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from offline.plugins.diff import Change as Kind
from offline.plugins.marshal import UNKNOWN

from .kinds import GVK, IMMUTABLE
from .objects import Json, Manifest

Path = tuple[str | int, ...]
_MISSING = object()


class Change(NamedTuple):
    """One changed value: `kind` is add, delete or update; `value` is the new one."""

    path: Path
    kind: Kind
    value: Json


def compare(old: Manifest, new: Manifest, taken: Manifest) -> list[Change]:
    """The changes from `old` to `new`.

    `taken` are the inputs of the last operation. A field that is in both inputs but not in `old` was sent and not kept:
    the server doesn't know it, or owns it, and sending it again would change nothing.
    """
    return list(_compare((), old, new, taken))


def _compare(path: Path, old: Json, new: Json, taken: Json) -> Iterator[Change]:
    if new is _MISSING:
        yield Change(path, "delete", None)
    elif old is _MISSING:
        if taken is _MISSING or taken != new:
            yield Change(path, "add", new)
    elif new is UNKNOWN:
        yield Change(path, "update", new)
    elif isinstance(old, dict) and isinstance(new, dict):
        sent = taken if isinstance(taken, dict) else {}
        for key in [*old, *(key for key in new if key not in old)]:
            children = (old.get(key, _MISSING), new.get(key, _MISSING), sent.get(key, _MISSING))
            yield from _compare((*path, key), *children)
    elif isinstance(old, list) and isinstance(new, list):
        sent_list = taken if isinstance(taken, list) else []
        for index in range(max(len(old), len(new))):
            children = (_at(old, index), _at(new, index), _at(sent_list, index))
            yield from _compare((*path, index), *children)
    elif isinstance(old, bool) != isinstance(new, bool) or old != new:
        yield Change(path, "update", new)


def _at(values: list[Json], index: int) -> Json:
    return values[index] if index < len(values) else _MISSING


def immutable_fields(manifest: Manifest, config_maps_mutable: bool, secrets_mutable: bool) -> tuple[str, ...]:
    """The fields of this object that can't change in place."""
    gvk = GVK.of(manifest)
    fields = ("metadata.name", "metadata.namespace", *IMMUTABLE.get((gvk.group, gvk.kind), ()))
    frozen = manifest.get("immutable") is True
    if (gvk.group, gvk.kind) == ("", "ConfigMap") and (frozen or not config_maps_mutable):
        fields += ("binaryData", "data")
    if (gvk.group, gvk.kind) == ("", "Secret"):
        fields += ("type",) if secrets_mutable and not frozen else ("type", "stringData", "data")
    return fields


def needs_replacement(change: Change, fields: tuple[str, ...]) -> bool:
    """Whether a change touches one of the fields, from inside or as a part of a greater one."""
    if change.kind == "delete" and change.path == ("metadata",):
        return True
    return any(_touches(change.path, change.value, _pattern(field)) for field in fields)


def _pattern(field: str) -> list[str]:
    return field.replace("[*]", ".*").split(".")


def _touches(path: Path, value: Json, pattern: list[str]) -> bool:
    if not pattern:
        return True
    head, rest = pattern[0], pattern[1:]
    if path:
        return (isinstance(path[0], int) if head == "*" else path[0] == head) and _touches(path[1:], value, rest)
    if head == "*":
        return isinstance(value, list) and any(_touches((), element, rest) for element in value)
    return isinstance(value, dict) and head in value and _touches((), value[head], rest)


def render(path: Path) -> str:
    """A property path as Pulumi writes it: `spec.containers[0].env[0].value`, `metadata.labels["a.b/c"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif any(character in part for character in '."[]'):
            quoted = part.replace('"', '\\"')
            text += f'["{quoted}"]'
        else:
            text += f".{part}" if text else part
    return text


def parse(text: str) -> Path:
    """The reverse of `render`, for `ignoreChanges`; `*` stays a wildcard."""
    path: list[str | int] = []
    position = 0
    while position < len(text):
        if text[position] == ".":
            position += 1
        elif text.startswith('["', position):
            end = text.index('"]', position)
            path.append(text[position + 2 : end].replace('\\"', '"'))
            position = end + 2
        elif text[position] == "[":
            end = text.index("]", position)
            inner = text[position + 1 : end]
            path.append(int(inner) if inner.isdigit() else inner)
            position = end + 1
        else:
            end = min((found for mark in ".[" if (found := text.find(mark, position)) >= 0), default=len(text))
            path.append(text[position:end])
            position = end
    return tuple(path)


def contains(outer: Path, inner: Path) -> bool:
    """Whether a path is another one or lies below it."""
    return len(outer) <= len(inner) and all(wanted in ("*", part) for wanted, part in zip(outer, inner, strict=False))


def value_at(tree: Json, path: Path) -> Json:
    """The value at a path; None where there is none."""
    for part in path:
        if isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(tree, list) and isinstance(part, int) and part < len(tree):
            tree = tree[part]
        else:
            return None
    return tree
