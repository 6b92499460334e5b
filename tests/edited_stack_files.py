"""Changes a project's stack files as users do: `python -m tests.edited_stack_files <project>`.

Region, account, zones, teams, pools, images, alerts and quotas get other values. Tests must not depend on them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

RENAMED = {
    "eu-central-1": "us-west-2",
    "123456789012": "210987654321",
    "vision": "perception",
    "speech": "audio",
    "a10g": "small-gpus",
    "h100": "large-gpus",
}
"""Region (with it the zones), account, teams and pools; also where another setting refers to them."""


def edit(project: Path) -> None:
    for file in project.glob("Pulumi.*.yaml"):
        file.write_text(_edited(file.read_text()))
    image = project / "images" / "added"
    image.mkdir()
    (image / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")


def _edited(text: str) -> str:
    for old, new in RENAMED.items():
        text = re.sub(rf"(?<![A-Za-z0-9]){old}(?=[a-c]?(?![A-Za-z0-9]))", new, text)
    document = yaml.safe_load(text)
    _change(document["config"]["ml-platform:platform"])
    return f"{text.splitlines()[0]}\n{yaml.safe_dump(document, sort_keys=False)}"


def _change(platform: dict[str, Any]) -> None:
    for team in platform["teams"].values():
        for resource in ("cpu", "gpus"):
            team["quota"][resource] = 2 * team["quota"].get(resource, 1)
    platform["teams"]["added"] = {"quota": {"cpu": 1, "memory": "1Gi"}}
    platform["images"]["added"] = {"args": {"FLAVOUR": "large"}}
    pools = platform["nodePools"]
    pools["added"] = next(iter(pools.values())) | {"max": 9}
    for endpoint in platform["serving"].values():
        endpoint["replicas"] += 1
    platform["monitoring"]["rules"] = {
        "QueueIsLong": {"expr": "up == 0", "severity": "warning", "summary": "A target is down"}
    }


if __name__ == "__main__":
    edit(Path(sys.argv[1]))
