"""`python -m infra.declaration.settings_page`: writes docs/settings.md, with a table for each group of settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from infra.catalogue.alerts.alert import HOUR, MINUTE, Alert
from infra.catalogue.names import PROJECT
from infra.declaration.alerts import ALERTS
from infra.declaration.loader import SETTING
from infra.declaration.schema import REPOSITORY, platform_schema, write

Schema = Mapping[str, Any]

FILE = REPOSITORY / "docs" / "settings.md"
_ALERTS_GROUP = "monitoring.alerts.<name>"
"""The group of settings whose section has the table of alerts."""

_KINDS = {"string": "text", "integer": "whole number", "number": "number"}
_BOUNDS = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above", "exclusiveMaximum": "below"}

_INTRODUCTION = f"""# Settings

All settings of `{PROJECT}:{SETTING}` in a `Pulumi.<stack>.yaml`, by their path. `<name>` is a name of your choice:
lower-case letters, digits and `-`, with a letter first.

`make schema` generates this page from the models in [`infra/declaration`](../infra/declaration), and also
[`platform.schema.json`](../schema/platform.schema.json), which editors use to complete and validate stack files.
"""


_ALERTS_HEADER = """### Defaults of alerts

Each alert links to its runbook.

| alert | `for` | `threshold` | what the threshold compares |
|---|---|---|---|
"""


def text() -> str:
    """The content of the file."""
    schema = platform_schema()
    definitions: dict[str, Schema] = schema.pop("$defs")
    paths_of: dict[str, list[str]] = {}
    for group, path in _reached(schema, definitions, ""):
        paths_of.setdefault(group, []).append(path)
    links = {group: f"[`{paths[0]}`](#{anchor(paths[0])})" for group, paths in paths_of.items()}
    sections = [_section(definitions[group], paths, links) for group, paths in paths_of.items()]
    return "\n".join([_INTRODUCTION, _table(schema, "", links), *sections])


def anchor(path: str) -> str:
    """The anchor of a heading with that path, as on GitHub."""
    return re.sub(r"[^\w-]", "", path.lower())


def _reached(schema: Schema, definitions: Mapping[str, Schema], path: str) -> Iterator[tuple[str, str]]:
    """Each group of settings with each path that it has."""
    for name, setting in schema.get("properties", {}).items():
        for group, suffix in _references(setting):
            full = f"{path}{name}{suffix}"
            yield group, full
            yield from _reached(definitions[group], definitions, f"{full}.")


def _references(setting: Schema) -> Iterator[tuple[str, str]]:
    """The groups of settings that are allowed here, each with the end of its path."""
    if "$ref" in setting:
        yield _group_of(setting), ""
    for choice in setting.get("anyOf", ()):
        yield from _references(choice)
    for entry in _entries(setting):
        for group, suffix in _references(entry):
            yield group, f".<name>{suffix}"
    for group, suffix in _references(setting["items"]) if "items" in setting else ():
        yield group, f"[]{suffix}"


def _section(schema: Schema, paths: list[str], links: Mapping[str, str]) -> str:
    first, *others = paths
    also = f" Also at {', '.join(f'`{path}`' for path in others)}." if others else ""
    more = f"\n{_alert_defaults()}" if first == _ALERTS_GROUP else ""
    return f"## `{first}`\n\n{_plain(schema['description'])}{also}\n\n{_table(schema, f'{first}.', links)}{more}"


def _table(schema: Schema, path: str, links: Mapping[str, str]) -> str:
    settings, required = schema.get("properties"), schema.get("required", ())
    if not settings:
        return "No settings of its own: write `{}`.\n"
    rows = ["| setting | allowed | default | meaning |", "|---|---|---|---|"]
    for name, setting in settings.items():
        default = "required" if name in required else _default(setting["default"])
        rows.append(f"| `{path}{name}` | {_allowed(setting, links)} | {default} | {_plain(setting['description'])} |")
    return "\n".join(rows) + "\n"


def _group_of(setting: Schema) -> str:
    """The name of the group of settings that a schema refers to."""
    return str(setting["$ref"]).rpartition("/")[2]


def _entries(setting: Schema) -> Iterator[Schema]:
    """The schemas of a mapping's values."""
    if "additionalProperties" in setting:
        yield setting["additionalProperties"]
    yield from setting.get("patternProperties", {}).values()


def _allowed(setting: Schema, links: Mapping[str, str]) -> str:
    """The type or the allowed values of a setting; `links` has the link to each group of settings."""
    if "$ref" in setting:
        return links[_group_of(setting)]
    if "anyOf" in setting:
        return " or ".join(_allowed(choice, links) for choice in setting["anyOf"] if choice.get("type") != "null")
    if "enum" in setting:
        return ", ".join(map(_written, setting["enum"]))
    if "const" in setting:
        return _written(setting["const"])
    match setting["type"]:
        case "object":
            names = setting.get("propertyNames", {})
            by = f"one of {_allowed(names, links)}" if "enum" in names else "name"
            return f"by {by}: {' or '.join(_allowed(entry, links) for entry in _entries(setting))}"
        case "array":
            least = f" at least {setting['minItems']}" if "minItems" in setting else ""
            return f"list of{least}: {_allowed(setting['items'], links)}"
        case "boolean":
            return "`true`, `false`"
        case kinds:
            return _scalar(setting, [kinds] if isinstance(kinds, str) else kinds)


def _default(value: object) -> str:
    """The default as it is written in YAML; `None` is a setting that is absent."""
    return "none" if value is None else _written(value)


def _plain(description: str) -> str:
    """A description as one table cell, with Markdown's and HTML's special characters escaped."""
    return " ".join(description.split()).replace("|", r"\|").replace("<", "&lt;")


def _scalar(setting: Schema, kinds: list[str]) -> str:
    kind = " or ".join(_KINDS[kind] for kind in kinds)
    bounds = " and ".join(f"{words} {setting[bound]}" for bound, words in _BOUNDS.items() if bound in setting)
    longest = f"at most {setting['maxLength']} characters" if "maxLength" in setting else ""
    examples = " or ".join(map(_written, setting.get("examples", ())))
    return ", ".join(part for part in (kind, bounds, longest, f"such as {examples}" if examples else "") if part)


def _written(value: object) -> str:
    """A value as it is written in YAML, with quotes if they are needed."""
    return f"`{yaml.safe_dump(value, default_flow_style=True, width=1000).splitlines()[0]}`"


def _alert_defaults() -> str:
    """A table of all alerts."""
    return _ALERTS_HEADER + "".join(_alert_row(alert) for alert in ALERTS.values())


def _alert_row(alert: Alert) -> str:
    value, meaning = "-", f"declared in `{alert.configured_by}`" if alert.configured_by else "-"
    if alert.threshold is not None:
        value, meaning = f"`{alert.threshold.default:g}`", f"{alert.threshold.meaning}: {alert.threshold.allowed}"
    return f"| [{alert.name}](runbooks/{alert.name}.md) | {_duration(alert.for_)} | {value} | {meaning} |\n"


def _duration(seconds: int) -> str:
    if seconds == 0:
        return "none"
    return f"`{seconds // HOUR}h`" if seconds % HOUR == 0 else f"`{seconds // MINUTE}m`"


if __name__ == "__main__":
    write(FILE, text())
