"""What is known about AWS before anyone asks it: regions, zones, instance types.

Regions and instance types are generated into `instance_types.json` by `python -m infra.catalogue.aws.refresh`. They
may be older than AWS, so that a machine too new for it is refused here: generate it again.
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
    """One kind of machine; `known` is false where there is no more than its name."""

    cpu: int = 0
    memory: int = 0
    arch: str = ""
    gpus: int = 0
    gpu: str = ""
    efa: int = 0
    """How many interfaces for EFA it may have."""

    @property
    def known(self) -> bool:
        return self.cpu > 0


@cache
def instance_types() -> Mapping[str, InstanceType]:
    """Every type, by name."""
    return {name: InstanceType(**entry) for name, entry in _content()["instances"].items()}


def instance_type(name: str) -> InstanceType:
    """One type, which must exist."""
    return InstanceType(**_content()["instances"][name])


def regions() -> Mapping[str, str]:
    """Every region, with the letters of its zones."""
    found: dict[str, str] = _content()["regions"]
    return found


def partition(region: str) -> str:
    """AWS proper, or one of those that are kept apart from it."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return content
