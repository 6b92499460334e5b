"""How a setting's schema reads in a table of Markdown: what may be written, what goes without saying, what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Schema = Mapping[str, Any]

_KINDS = {"string": "text", "integer": "whole number", "number": "number"}
_BOUNDS = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above", "exclusiveMaximum": "below"}


def group_of(setting: Schema) -> str:
    """The group of settings that a reference leads to."""
    return str(setting["$ref"]).rpartition("/")[2]


def entries(setting: Schema) -> Iterator[Schema]:
    """What a mapping holds under each of its names."""
    if "additionalProperties" in setting:
        yield setting["additionalProperties"]
    yield from setting.get("patternProperties", {}).values()


def allowed(setting: Schema, links: Mapping[str, str]) -> str:
    """The type, or the values themselves; `links` lead to groups of settings by their names."""
    if "$ref" in setting:
        return links[group_of(setting)]
    if "anyOf" in setting:
        return " or ".join(allowed(choice, links) for choice in setting["anyOf"] if choice.get("type") != "null")
    if "enum" in setting:
        return ", ".join(map(_written, setting["enum"]))
    match setting["type"]:
        case "object":
            names = setting.get("propertyNames", {})
            by = f"one of {allowed(names, links)}" if "enum" in names else "name"
            return f"by {by}: {' or '.join(allowed(entry, links) for entry in entries(setting))}"
        case "array":
            least = f" at least {setting['minItems']}" if "minItems" in setting else ""
            return f"list of{least}: {allowed(setting['items'], links)}"
        case "boolean":
            return "`true`, `false`"
        case kinds:
            return _scalar(setting, [kinds] if isinstance(kinds, str) else kinds)


def default(value: object) -> str:
    """`None` is what is not there at all."""
    return "none" if value is None else _written(value)


def plain(description: str) -> str:
    """As one line of a table, in which nothing is taken for Markdown's own signs."""
    return " ".join(description.split()).replace("|", r"\|").replace("<", "&lt;")


def _scalar(setting: Schema, kinds: list[str]) -> str:
    kind = " or ".join(_KINDS[kind] for kind in kinds)
    bounds = " and ".join(f"{words} {setting[bound]}" for bound, words in _BOUNDS.items() if bound in setting)
    longest = f"at most {setting['maxLength']} characters" if "maxLength" in setting else ""
    examples = " or ".join(map(_written, setting.get("examples", ())))
    return ", ".join(part for part in (kind, bounds, longest, f"such as {examples}" if examples else "") if part)


def _written(value: object) -> str:
    """As it is written in YAML, in quotes where it needs them."""
    return f"`{yaml.safe_dump(value, default_flow_style=True, width=1000).splitlines()[0]}`"
