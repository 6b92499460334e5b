"""Stack files for tests. The users' own `Pulumi.*.yaml` may change without a failing test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from infra.declaration.loader import declare
from infra.declaration.model import Platform

DEV = Path(__file__).parent / "dev.yaml"
CLUSTER = Path(__file__).parent / "cluster.yaml"
PROD = Path(__file__).parent / "prod.yaml"
_REPOSITORY = Path(__file__).resolve().parents[2]


def declaration(file: Path) -> dict[str, Any]:
    """The platform that a stack file declares, not yet validated."""
    return dict(yaml.safe_load(file.read_text())["config"]["ml-platform:platform"])


def validated(file: Path) -> Platform:
    """The same, with the images of this project."""
    return declare(declaration(file), file.name, _REPOSITORY)
