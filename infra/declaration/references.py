"""Names that point at something else in the declaration.

They are looked up in what was written, not in the model, so that they are reported together with all other mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.catalogue.names import PLATFORM
from infra.declaration.problems import Problem, suggestion

_REFERENCES = (
    ("models", "team", "teams"),
    ("secrets", "team", "teams"),
    ("training", "team", "teams"),
    ("training", "image", "images"),
    ("training", "model", "models"),
    ("training", "pool", "nodePools"),
    ("training", "secrets", "secrets"),
    ("serving", "team", "teams"),
    ("serving", "image", "images"),
    ("serving", "model", "models"),
    ("serving", "secrets", "secrets"),
    ("serving", "apiKey", "secrets"),
)
"""(section, setting, the section that must declare it)"""

_ALSO = {("secrets", "team"): {PLATFORM}}
"""What a setting may name without anybody's having declared it."""

_KIND = {"teams": "team", "images": "image", "models": "model", "nodePools": "node pool", "secrets": "secret"}


def undeclared(written: Mapping[Any, Any], root: str) -> list[Problem]:
    """Every reference to something that the declaration does not have."""
    return [
        Problem(
            f"{root}.{section}.{entry}.{place}",
            f"{_KIND[target]} '{name}' is not declared{suggestion(name, known)}",
        )
        for section, setting, target in _REFERENCES
        # What is no section at all is reported as such.
        if isinstance(written.get(target, {}), Mapping)
        for known in [_keys(written, target) | _ALSO.get((section, setting), set())]
        for entry, place, name in _names(written, section, setting)
        if name not in known
    ]


def _names(written: Mapping[Any, Any], section: str, setting: str) -> Iterator[tuple[str, str, str]]:
    """Entry, place in it, name; a setting may also be a list of names."""
    entries = written.get(section)
    for entry, settings in entries.items() if isinstance(entries, Mapping) else ():
        named = settings.get(setting) if isinstance(settings, Mapping) else None
        if isinstance(named, str):
            yield str(entry), setting, named
        for position, name in enumerate(named if isinstance(named, list) else ()):
            if isinstance(name, str):
                yield str(entry), f"{setting}.{position}", name


def _keys(written: Mapping[Any, Any], section: str) -> set[str]:
    entries = written.get(section)
    return {str(key) for key in entries} if isinstance(entries, Mapping) else set()
