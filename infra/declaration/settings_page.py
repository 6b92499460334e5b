"""`python -m infra.declaration.settings_page`: writes docs/settings.md, a table for each group of settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from infra.catalogue.names import PROJECT
from infra.declaration.alert_defaults import alert_defaults
from infra.declaration.loader import SETTING
from infra.declaration.schema import REPOSITORY, platform_schema, write
from infra.declaration.schema_words import Schema, allowed, default, entries, group_of, plain

FILE = REPOSITORY / "docs" / "settings.md"
ALERTS = "monitoring.alerts.<name>"
"""The group of settings that the defaults of alerts follow."""

_INTRODUCTION = f"""# Settings

Everything that `{PROJECT}:{SETTING}` in a `Pulumi.<stack>.yaml` may say, by its path there. `<name>` stands for a name
of your choice: lower-case letters, digits and `-`, beginning with a letter.

This page is made from the models in [`infra/declaration`](../infra/declaration) by `make schema`, as is
[`platform.schema.json`](../schema/platform.schema.json), by which editors complete and check stack files.
"""


def text() -> str:
    """As it is written to the file."""
    schema = platform_schema()
    definitions: dict[str, Schema] = schema.pop("$defs")
    places: dict[str, list[str]] = {}
    for group, path in _reached(schema, definitions, ""):
        places.setdefault(group, []).append(path)
    links = {group: f"[`{paths[0]}`](#{anchor(paths[0])})" for group, paths in places.items()}
    sections = [_section(definitions[group], paths, links) for group, paths in places.items()]
    return "\n".join([_INTRODUCTION, _table(schema, "", links), *sections])


def anchor(path: str) -> str:
    """What a heading with the path is linked by."""
    return re.sub(r"[^\w-]", "", path.lower())


def _reached(schema: Schema, definitions: Mapping[str, Schema], path: str) -> Iterator[tuple[str, str]]:
    """Each group of settings with a path at which it may stand."""
    for name, setting in schema.get("properties", {}).items():
        for group, suffix in _references(setting):
            place = f"{path}{name}{suffix}"
            yield group, place
            yield from _reached(definitions[group], definitions, f"{place}.")


def _references(setting: Schema) -> Iterator[tuple[str, str]]:
    """The groups of settings that may stand here, and what is added to the path."""
    if "$ref" in setting:
        yield group_of(setting), ""
    for choice in setting.get("anyOf", ()):
        yield from _references(choice)
    for entry in entries(setting):
        for group, suffix in _references(entry):
            yield group, f".<name>{suffix}"


def _section(schema: Schema, paths: list[str], links: Mapping[str, str]) -> str:
    first, *others = paths
    also = f" Also at {', '.join(f'`{path}`' for path in others)}." if others else ""
    more = f"\n{alert_defaults()}" if first == ALERTS else ""
    return f"## `{first}`\n\n{plain(schema['description'])}{also}\n\n{_table(schema, f'{first}.', links)}{more}"


def _table(schema: Schema, path: str, links: Mapping[str, str]) -> str:
    settings, required = schema.get("properties"), schema.get("required", ())
    if not settings:
        return "No settings of its own: write `{}`.\n"
    rows = ["| setting | allowed | default | meaning |", "|---|---|---|---|"]
    for name, setting in settings.items():
        unsaid = "required" if name in required else default(setting["default"])
        rows.append(f"| `{path}{name}` | {allowed(setting, links)} | {unsaid} | {plain(setting['description'])} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    write(FILE, text())
