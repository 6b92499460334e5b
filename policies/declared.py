"""Settings from the stack file: the engine starts a policy pack in the project's folder but passes no configuration."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from infra.catalogue.names import PROJECT
from infra.declaration.loader import SETTING, read_config


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
    config, _ = read_config(file)
    return config.get(f"{PROJECT}:{SETTING}") or {}
