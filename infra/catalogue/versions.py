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
CONTENT: dict[str, Any] = tomllib.loads(_FILE.read_text(encoding="utf-8"))

OLDEST_KUBERNETES: str = CONTENT["kubernetes"]["oldest"]
"""For an existing cluster."""

LOCAL_KUBERNETES: str = CONTENT["kubernetes"]["local"].rpartition(".")[0]
"""The minor version of the local foundation's cluster."""

KUBERNETES_END_OF_SUPPORT: Mapping[str, date] = CONTENT["kubernetes"]["end-of-support"]
"""By minor version, when the Kubernetes project publishes its last fixes."""


@dataclass(frozen=True)
class EksVersion:
    """When EKS ends its support of a minor version."""

    end_of_standard_support: date
    end_of_support: date
    estimated: bool = False


EKS_VERSIONS: Mapping[str, EksVersion] = {
    version: EksVersion(dates["end-of-standard-support"], dates["end-of-support"], dates.get("estimated", False))
    for version, dates in CONTENT["eks"]["support"].items()
}
"""Kubernetes' minor versions that are known; EKS may offer newer ones."""

EKS_DEFAULT: str = CONTENT["eks"]["default"]
POSTGRESQL_DEFAULT: str = CONTENT["postgresql"]["default"]
MANAGED_GRAFANA_DEFAULT: str = CONTENT["managed-grafana"]["default"]

MLFLOW: str = re.findall(
    r"^mlflow==(\S+)", (_PROJECT / "images" / "tracking" / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
)[0]
"""The tracking server's."""

MIRRORED_BASE_IMAGE: str = CONTENT["base-image"]["mirrored"]
"""The base image, pulled through ECR's cache of a public registry."""

PUBLIC_BASE_IMAGE: str = CONTENT["base-image"]["public"]
"""The base image where a public registry can be reached."""
