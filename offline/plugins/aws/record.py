"""Writes `resources.json` again from the schema of the official plugin. It takes a machine that has the plugin.

    pulumi package get-schema aws > schema.json
    python -m offline.plugins.aws.record schema.json [further types, such as aws:sqs/queue:Queue]

The file keeps its types and gets the further ones. The official plugin marks with `willReplaceOnChanges` the properties
that Terraform calls ForceNew. It does not mark what the plugin decides in code: a resource's region, and a database's
or node group's settings that AWS can't change. So a rule that is recorded stays; remove it by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from offline.plugins.aws.plugin import RESOURCES

Schema = Mapping[str, Any]
_TYPE = "#/types/"


def main(schema: str, *further: str) -> None:
    content = json.loads(RESOURCES.read_text(encoding="utf-8"))
    made = merged(content, json.loads(Path(schema).read_text(encoding="utf-8")), further)
    RESOURCES.write_text(formatted(made), encoding="utf-8")


def merged(content: Mapping[str, Any], schema: Schema, further: tuple[str, ...] = ()) -> dict[str, Any]:
    """The recorded types and the further ones, with the schema's rules added to those that are recorded."""
    made = {}
    for token in sorted({*content, *further}):
        resource = schema["resources"][token]
        rules = {*content.get(token, {}).get("replaces", ()), *_replacing(schema, resource["inputProperties"])}
        made[token] = {"tagged": "tagsAll" in resource["properties"], "replaces": _outermost(rules)}
    return made


def formatted(content: Mapping[str, Any]) -> str:
    """One line a type."""
    lines = [f"  {json.dumps(token)}: {json.dumps(entry)}" for token, entry in content.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _replacing(schema: Schema, properties: Schema, prefix: str = "") -> Iterator[str]:
    """The paths of the marked properties, also those inside objects; lists of objects are not searched."""
    for name, found in properties.items():
        if found.get("willReplaceOnChanges"):
            yield prefix + name
        elif found.get("$ref", "").startswith(_TYPE):
            inner = schema["types"][found["$ref"].removeprefix(_TYPE)]
            yield from _replacing(schema, inner.get("properties", {}), f"{prefix}{name}.")


def _outermost(rules: set[str]) -> list[str]:
    return sorted(rule for rule in rules if not any(rule.startswith(f"{other}.") for other in rules))


if __name__ == "__main__":
    main(*sys.argv[1:])
