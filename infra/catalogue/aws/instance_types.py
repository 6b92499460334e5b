"""Facts about AWS that need no API call: regions, zones, instance types.

Regions and instance types are generated into `instance_types.json` by `python -m infra.catalogue.aws.refresh`. They
may be outdated: an instance type that is too new is refused until they are generated again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("instance_types.json")


@dataclass(frozen=True)
class InstanceType:
    """An instance type; `known` is false if only its name is known."""

    cpu: int = 0
    memory: int = 0
    arch: str = ""
    gpus: int = 0
    gpu: str = ""
    efa: int = 0
    """The maximum number of EFA interfaces."""
    efa_card: int = 0
    """The first network card with EFA; each further interface is on the next card."""

    @property
    def known(self) -> bool:
        return self.cpu > 0


@cache
def instance_types() -> Mapping[str, InstanceType]:
    """All instance types, by name."""
    return {name: InstanceType(**entry) for name, entry in _content()["instances"].items()}


def instance_type(name: str) -> InstanceType:
    """One instance type, which must exist."""
    return InstanceType(**_content()["instances"][name])


def regions() -> Mapping[str, str]:
    """All regions, with the letters of their zones."""
    found: dict[str, str] = _content()["regions"]
    return found


def partition(region: str) -> str:
    """The partition that a region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return content
