"""Versions that the declaration offers and defaults to, from versions.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_FILE = Path(__file__).resolve().parents[2] / "versions.toml"
_CONTENT: dict[str, Any] = tomllib.loads(_FILE.read_text(encoding="utf-8"))

OLDEST_KUBERNETES: str = _CONTENT["kubernetes"]["oldest"]
"""For an existing cluster."""

EKS_VERSIONS: tuple[str, ...] = tuple(_CONTENT["eks"]["offered"])
"""Kubernetes' minor versions that EKS offers, the ones in extended support included."""

EKS_DEFAULT: str = _CONTENT["eks"]["default"]
POSTGRESQL_DEFAULT: str = _CONTENT["postgresql"]["default"]
MANAGED_GRAFANA_DEFAULT: str = _CONTENT["managed-grafana"]["default"]

MIRRORED_BASE_IMAGE: str = _CONTENT["base-image"]["mirrored"]
"""The base image, pulled through ECR's cache of a public registry."""

PUBLIC_BASE_IMAGE: str = _CONTENT["base-image"]["public"]
"""The base image where a public registry can be reached."""
