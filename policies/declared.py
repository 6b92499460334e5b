"""What the stack file says: the engine starts a pack in the project's folder and tells it nothing of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.catalogue.names import PROJECT


def setting(urn: str, *path: str) -> Any:
    """One setting of the stack that a resource belongs to; None where it is not written.

    Whether the declaration is valid is not asked here: the program itself refuses one that is not.
    """
    value: Any = _platform(Path(f"Pulumi.{urn.split(':')[2]}.yaml"))
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


@cache
def _platform(file: Path) -> Any:
    content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    config = (content or {}).get("config") or {}
    return config.get(f"{PROJECT}:platform") or {}
