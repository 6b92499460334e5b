"""`python -m infra.declaration.schema`: writes the JSON schema by which editors complete and check stack files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infra.declaration.loader import SETTING
from infra.declaration.model import Platform
from infra.naming import PROJECT

FILE = Path(__file__).parents[2] / "schema" / "platform.schema.json"


def stack_file_schema() -> dict[str, Any]:
    """The whole stack file's schema; only our own namespace in it is restricted."""
    platform = Platform.model_json_schema(by_alias=True)
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


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE.relative_to(Path.cwd()) if FILE.is_relative_to(Path.cwd()) else FILE}")
