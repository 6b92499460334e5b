"""Settings from the stack file: the engine starts a policy pack in the project's folder but passes no configuration."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.catalogue.names import PROJECT


def setting(urn: str, *path: str) -> Any:
    """One setting of the stack that a resource belongs to; None if it is not set.

    The declaration is not validated here; the program refuses an invalid one.
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
