"""A small valid declaration, and ways to spoil it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from infra.declaration import DeclarationError, Platform, declare

REPOSITORY = Path(__file__).parents[2]
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

GONE = object()


def small(**changes: object) -> dict[str, Any]:
    """The sample, with settings changed by path: `small(**{"teams.vision": {}})`; `GONE` removes one."""
    declaration = copy.deepcopy(_SMALL)
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
    try:
        declare(small(**changes), WHERE, root)
    except DeclarationError as error:
        return str(error).splitlines()
    raise AssertionError("this declaration should have been refused")
