"""`python -m infra.declaration.schema`: writes the JSON schema by which editors complete and check stack files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from infra.catalogue.names import PROJECT
from infra.declaration.loader import SETTING
from infra.declaration.model import Platform
from infra.declaration.settings import Settings

REPOSITORY = Path(__file__).parents[2]
FILE = REPOSITORY / "schema" / "platform.schema.json"


class _AsWritten(GenerateJsonSchema):
    """Shows each default as a person would write it, since editors write it for them."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """Of a group of settings only what differs from the group's own defaults: the rest is kept in other units."""
        default = schema.get("default")
        if isinstance(default, Settings):
            schema = {**schema, "default": default.model_dump(by_alias=True, exclude_unset=True)}
        return super().default_schema(schema)


def platform_schema() -> dict[str, Any]:
    """Of what stands under the one structured setting."""
    return Platform.model_json_schema(by_alias=True, schema_generator=_AsWritten)


def stack_file_schema() -> dict[str, Any]:
    """The whole stack file's schema; only our own namespace in it is restricted."""
    platform = platform_schema()
    definitions = platform.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A stack of {PROJECT}",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "required": [f"{PROJECT}:{SETTING}"],
                "properties": {f"{PROJECT}:{SETTING}": platform},
            }
        },
        "$defs": definitions,
    }


def text() -> str:
    """As it is written to the file."""
    return json.dumps(stack_file_schema(), indent=2) + "\n"


def write(file: Path, content: str) -> None:
    """Puts what follows from the models where people and editors look for it."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(content, encoding="utf-8")
    print(f"wrote {file.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    write(FILE, text())
