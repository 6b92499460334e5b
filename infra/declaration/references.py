"""References: settings that name another entry of the declaration.

They are checked in the raw settings, not in the model, so that they are reported together with invalid values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.catalogue.images import LLM
from infra.catalogue.names import PLATFORM
from infra.declaration.problems import Problem, suggestion
from infra.workloads.kinds import KINDS

_REFERENCES = (
    ("models", "team", "teams"),
    ("secrets", "team", "teams"),
    ("datasets", "team", "teams"),
    ("nodePools", "gpu.checkImage", "images"),
    *((kind.section, setting, target) for kind in KINDS for setting, target in kind.all_references.items()),
)
"""(section, setting, the section that must declare it). `*` in a setting is any name."""

_ALSO = {("secrets", "team"): {PLATFORM}, ("serving", "image"): {LLM}, ("serving", "canary.image"): {LLM}}
"""Names that are valid without being declared."""

_KIND = {
    "teams": "team",
    "images": "image",
    "models": "model",
    "nodePools": "node pool",
    "secrets": "secret",
    "datasets": "dataset",
}


def undeclared(raw: Mapping[Any, Any], root: str) -> list[Problem]:
    """Each reference to an entry that is not declared."""
    return [
        Problem(
            f"{root}.{section}.{entry}.{path}",
            f"{_KIND[target]} '{name}' is not declared{suggestion(name, known)}",
        )
        for section, setting, target in _REFERENCES
        # A section that is not a mapping is reported by the model.
        if isinstance(raw.get(target, {}), Mapping)
        for known in [_keys(raw, target) | _ALSO.get((section, setting), set())]
        for entry, path, name in _names(raw, section, setting)
        if name not in known
    ]


def _names(raw: Mapping[Any, Any], section: str, setting: str) -> Iterator[tuple[str, str, str]]:
    """Entry, path in the entry, name; the setting is one name or a list of names."""
    entries = raw.get(section)
    for entry, settings in entries.items() if isinstance(entries, Mapping) else ():
        for path, named in _at(settings, setting.split(".")):
            where = ".".join(path)
            if isinstance(named, str):
                yield str(entry), where, named
            for position, name in enumerate(named if isinstance(named, list) else ()):
                if isinstance(name, str):
                    yield str(entry), f"{where}.{position}", name


def _at(settings: Any, keys: Sequence[str], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values of a setting, each with its path; `*` stands for every key of a mapping."""
    if not keys:
        yield path, settings
    elif isinstance(settings, Mapping):
        first, *rest = keys
        for key in settings if first == "*" else {first} & settings.keys():
            yield from _at(settings[key], rest, (*path, str(key)))


def _keys(raw: Mapping[Any, Any], section: str) -> set[str]:
    entries = raw.get(section)
    return {str(key) for key in entries} if isinstance(entries, Mapping) else set()
