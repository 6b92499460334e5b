"""Differences between two trees of inputs, as property paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from offline.plugins.marshal import UNKNOWN, Secret

Change = Literal["add", "delete", "update"]
_PLAIN = re.compile(r"[A-Za-z_$][\w$]*\Z")


@dataclass
class Diff:
    """The changes of an update; a change at or below a path in `replaces` replaces the resource."""

    detailed: dict[str, Change] = field(default_factory=dict)
    replaces: list[str] = field(default_factory=list)
    delete_before_replace: bool = False
    changes: bool | None = None  # None: changed if and only if `detailed` or `replaces` says so

    @property
    def changed(self) -> bool:
        return bool(self.detailed or self.replaces) if self.changes is None else self.changes

    def replaced(self, path: str) -> bool:
        """Whether a change at the path replaces the resource."""
        return any(covers(rule, path) for rule in self.replaces)


def covers(prefix: str, path: str) -> bool:
    """Whether the path equals the prefix or is below it (`spec.a` covers `spec.a[0].b`, not `spec.ab`)."""
    return path == prefix or path.startswith((f"{prefix}.", f"{prefix}["))


def changed_paths(old: Any, new: Any) -> dict[str, Change]:
    """Each changed leaf, such as `spec.template.spec.containers[0].env[0].value`; becoming secret is not a change."""
    return dict(_walk(old, new, ""))


def touched(detailed: Iterable[str], rules: Iterable[str]) -> list[str]:
    """The changed paths that a rule covers, or that are a parent of a rule."""
    rules = list(rules)
    return [path for path in detailed if any(covers(rule, path) or covers(path, rule) for rule in rules)]


def _walk(old: Any, new: Any, path: str) -> Iterator[tuple[str, Change]]:
    old, new = _open(old), _open(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _pair(old.get(key), new.get(key), _join(path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before, after = (items[index] if index < len(items) else None for items in (old, new))
            yield from _pair(before, after, f"{path}[{index}]")
    elif new is UNKNOWN or old != new:
        yield path, "update"


def _pair(old: Any, new: Any, path: str) -> Iterator[tuple[str, Change]]:
    if old is None and new is None:
        return
    if old is None:
        yield path, "add"
    elif new is None:
        yield path, "delete"
    else:
        yield from _walk(old, new, path)


def _open(value: Any) -> Any:
    while isinstance(value, Secret):
        value = value.value
    return value


def _join(path: str, key: str) -> str:
    if not _PLAIN.match(key):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key
