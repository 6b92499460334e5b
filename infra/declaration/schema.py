"""`python -m infra.declaration.schema`: writes the JSON schema that editors complete and validate stack files with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from infra.catalogue.names import PROJECT
from infra.declaration.loader import SETTING
from infra.declaration.model import Platform
from infra.declaration.types import Settings

REPOSITORY = Path(__file__).parents[2]
FILE = REPOSITORY / "schema" / "platform.schema.json"


class _AsWritten(GenerateJsonSchema):
    """Shows each default as it is written in a stack file, because editors insert it."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """For a group, only the settings that differ from its own defaults: those are stored as converted values."""
        default = schema.get("default")
        if isinstance(default, Settings):
            schema = {**schema, "default": default.model_dump(by_alias=True, exclude_unset=True)}
        return super().default_schema(schema)


def platform_schema() -> dict[str, Any]:
    """The schema of the structured setting."""
    return Platform.model_json_schema(by_alias=True, schema_generator=_AsWritten)


def stack_file_schema() -> dict[str, Any]:
    """The schema of a whole stack file; settings of other projects are not restricted."""
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
    """The content of the file."""
    return json.dumps(stack_file_schema(), indent=2) + "\n"


def write(file: Path, content: str) -> None:
    """Writes a generated file of the repository."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(content, encoding="utf-8")
    print(f"wrote {file.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    write(FILE, text())
