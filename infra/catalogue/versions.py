"""Versions that the declaration offers and defaults to, from versions.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).resolve().parents[2]
_FILE = _PROJECT / "versions.toml"
_CONTENT: dict[str, Any] = tomllib.loads(_FILE.read_text(encoding="utf-8"))

OLDEST_KUBERNETES: str = _CONTENT["kubernetes"]["oldest"]
"""For an existing cluster."""


@dataclass(frozen=True)
class EksVersion:
    """When EKS ends its support of a minor version."""

    end_of_standard_support: date
    end_of_support: date


EKS_VERSIONS: Mapping[str, EksVersion] = {
    version: EksVersion(dates["end-of-standard-support"], dates["end-of-support"])
    for version, dates in _CONTENT["eks"]["support"].items()
}
"""Kubernetes' minor versions that are known; EKS may offer newer ones."""

EKS_DEFAULT: str = _CONTENT["eks"]["default"]
POSTGRESQL_DEFAULT: str = _CONTENT["postgresql"]["default"]
MANAGED_GRAFANA_DEFAULT: str = _CONTENT["managed-grafana"]["default"]

MLFLOW: str = re.findall(
    r"^mlflow==(\S+)", (_PROJECT / "images" / "tracking" / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
)[0]
"""The tracking server's."""

MIRRORED_BASE_IMAGE: str = _CONTENT["base-image"]["mirrored"]
"""The base image, pulled through ECR's cache of a public registry."""

PUBLIC_BASE_IMAGE: str = _CONTENT["base-image"]["public"]
"""The base image where a public registry can be reached."""
