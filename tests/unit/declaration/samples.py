"""A small valid declaration, and ways to spoil it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from infra.declaration.loader import declare
from infra.declaration.model import Platform
from infra.declaration.problems import DeclarationError

REPOSITORY = Path(__file__).parents[3]
WHERE = "Pulumi.dev.yaml"

_SMALL: dict[str, Any] = {
    "foundation": {"local": {}},
    "images": {"training": {}, "serving": {}},
    "teams": {"vision": {}, "speech": {}},
    "models": {"digits": {"team": "vision"}},
    "training": {"digits": {"team": "vision", "image": "training", "model": "digits"}},
    "serving": {"digits": {"team": "vision", "image": "serving", "model": "digits"}},
    "nodePools": {
        "a10g": {"instance": {"cpu": 8, "memory": "32Gi"}, "gpu": {"model": "NVIDIA-A10G", "count": 1}, "max": 2},
        "plain": {"instance": {"cpu": 4, "memory": "8Gi"}},
    },
}

_ON_AWS: dict[str, Any] = {
    "foundation": {
        "aws": {
            "account": "123456789012",
            "region": "eu-central-1",
            "team": "ml-platform",
            "costCentre": "4711",
            "network": {"cidr": "10.20.0.0/16", "zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"]},
            "cluster": {"admins": ["arn:aws:iam::123456789012:role/platform-admin"]},
            "ci": {"repository": "example/ml-platform"},
        }
    },
    "nodePools": {
        "plain": {"instance": {"cpu": 7, "memory": "28Gi"}, "max": 4, "aws": {"instanceTypes": ["m7i.2xlarge"]}},
        "a10g": {
            "instance": {"cpu": 7, "memory": "27Gi"},
            "gpu": {"model": "NVIDIA-A10G"},
            "max": 4,
            "aws": {"instanceTypes": ["g5.2xlarge"], "capacity": ["spot"]},
        },
        "h100": {
            "instance": {"cpu": 184, "memory": "1800Gi"},
            "gpu": {"model": "NVIDIA-H100-80GB-HBM3", "count": 8},
            "min": 2,
            "max": 2,
            "aws": {
                "instanceTypes": ["p5.48xlarge"],
                "capacity": ["reserved"],
                "reservation": "cr-0123456789abcdef0",
                "fixedSize": True,
                "zones": ["eu-central-1b"],
                "efa": True,
                "placementGroup": "training",
            },
        },
    },
}

_IN_CLUSTER: dict[str, Any] = {
    "foundation": {
        "cluster": {
            "kubeContext": "research",
            "registry": {
                "server": "registry.example.com",
                "prefix": "research/ml-platform",
                "push": {"username": "builder", "password": "push"},
                "pull": {"username": "nodes", "password": "pull"},
            },
        }
    },
    "secrets": {"push": {"team": "platform"}, "pull": {"team": "platform"}},
    "nodePools": {
        "l4": {
            "labels": {"example.com/gpus": "l4"},
            "taints": ["team=vision:NoExecute"],
            "instance": {"cpu": 8, "memory": "32Gi"},
            "gpu": {"model": "NVIDIA-L4", "count": 2},
        },
    },
}

DEV_IMAGES = [
    "base",
    "gateway",
    "gpu-simulator",
    "logs",
    "prometheus",
    "registry",
    "serving",
    "status",
    "tracking",
    "training",
]
"""What the dev stack builds, in the order of the names."""


class _Gone(Enum):
    """Its text is the same in every process, because it is part of the ids of parametrised tests."""

    GONE = "gone"


GONE = _Gone.GONE


def small(**changes: object) -> dict[str, Any]:
    """The sample, with settings changed by path: `small(**{"teams.vision": {}})`; `GONE` removes one."""
    return _changed(_SMALL, changes)


def on_aws(**changes: object) -> dict[str, Any]:
    """The same on AWS: a pool that is bought, one on the spot market, one that is reserved."""
    return _changed({**_SMALL, **_ON_AWS}, changes)


def in_cluster(**changes: object) -> dict[str, Any]:
    """The same in a cluster that exists already, with a pool of its nodes."""
    return _changed({**_SMALL, **_IN_CLUSTER}, changes)


def _changed(declaration: dict[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    declaration = copy.deepcopy(declaration)
    for path, value in changes.items():
        *folders, last = path.split(".")
        place = declaration
        for folder in folders:
            place = place.setdefault(folder, {})
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return declaration


def project(folder: Path) -> Path:
    """A folder with the images that the sample names."""
    for name in ("base", "registry", "tracking", "training", "serving"):
        image = folder / "images" / name
        image.mkdir(parents=True)
        (image / "Dockerfile").write_text(f"ARG BASE\nFROM ${{BASE}}\nLABEL name={name}\n")
    return folder


def accepted(root: Path, **changes: object) -> Platform:
    """The declaration, which must be valid."""
    return declare(small(**changes), WHERE, root)


def refused(root: Path, **changes: object) -> list[str]:
    """The lines that a user sees; a valid declaration is this test's failure."""
    return refusal(root, small(**changes))


def refusal(root: Path, declaration: dict[str, Any]) -> list[str]:
    """The same of any declaration."""
    try:
        declare(declaration, WHERE, root)
    except DeclarationError as error:
        return str(error).splitlines()
    raise AssertionError("this declaration should have been refused")
