"""Versions of tools and base images, from versions.toml."""

import tomllib
from typing import Any

from common.paths import REPOSITORY

_CONTENT: dict[str, Any] = tomllib.loads((REPOSITORY / "versions.toml").read_text(encoding="utf-8"))

UV: str = _CONTENT["tools"]["uv"]
PUBLIC_BASE_IMAGE: str = _CONTENT["base-image"]["public"]
DEBIAN_SUITE: str = _CONTENT["base-image"]["debian"]
