"""What differs between two versions of a resource's inputs: items of lists by their names, and inside of JSON texts."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One input, before and after; `None` where it is absent."""

    path: str
    before: object
    after: object


def differences(before: object, after: object, path: str = "") -> Iterator[Difference]:
    """The smallest parts that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _by_key(before, after, lambda key: f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _by_item(before, after, path)
    elif before != after:
        yield from _in_documents(before, after, path) or [Difference(path, before, after)]


def _in_documents(before: object, after: object, path: str) -> list[Difference]:
    """Of JSON documents in texts, such as IAM policies; none for other texts, or if only their format differs."""
    old, new = _document(before), _document(after)
    return list(differences(old, new, path)) if type(old) is type(new) and old is not None else []


def _document(value: object) -> object:
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def _by_key(old: Mapping[str, Any], new: Mapping[str, Any], place: Callable[[str], str]) -> Iterator[Difference]:
    for key in [*old, *(key for key in new if key not in old)]:
        yield from differences(old.get(key), new.get(key), place(key))


def _by_item(old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[Difference]:
    named = _named(old), _named(new)
    if named[0] and named[1]:
        found = list(_by_key(named[0], named[1], lambda name: f"{path}[{name}]"))
        if found:
            yield from found
            return
    yield from _aligned(old, new, path)


def _named(items: Sequence[Any]) -> dict[str, Any]:
    """Items by name, as Kubernetes merges containers and variables; empty if they have no names of their own."""
    found = {item["name"]: item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)}
    return found if len(found) == len(items) else {}


def _aligned(old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[Difference]:
    """An item that is added or removed does not change those that follow it."""
    before, after = ([json.dumps(item, sort_keys=True) for item in items] for items in (old, new))
    for kind, first, end, start, stop in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        paired = end - first if end - first == stop - start else 0
        for offset in range(paired):
            yield from differences(old[first + offset], new[start + offset], f"{path}[{start + offset}]")
        for index in range(first + paired, end):
            yield Difference(f"{path}[{index}]", old[index], None)
        for index in range(start + paired, stop):
            yield Difference(f"{path}[{index}]", None, new[index])
