"""The project itself on a stack of its own: its program, its settings, a stack file of the test's choice."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.pulumi_engine import STACK, Pulumi
from tests.unit.declaration.samples import REPOSITORY

_NOWHERE = {
    "KUBECONFIG": "/nonexistent/kubeconfig",
    "DOCKER_HOST": "unix:///nonexistent/docker.sock",
    "AWS_ACCESS_KEY_ID": "",
}


@dataclass(frozen=True)
class Step:
    """What the engine would do to one resource."""

    operation: str
    type: str
    name: str
    urn: str
    state: Mapping[str, Any]


class Project(Pulumi):
    """Runs the real `__main__.py`, with no cluster, no Docker engine and no credentials in reach."""

    def __init__(self, root: Path, declaration: Mapping[str, Any]) -> None:
        super().__init__(root, settings=_NOWHERE)
        for name in ("infra", "images"):
            (self.folder / name).symlink_to(REPOSITORY / name)
        self.program((REPOSITORY / "__main__.py").read_text())
        settings = yaml.safe_load((REPOSITORY / "Pulumi.yaml").read_text())
        settings["runtime"]["options"]["virtualenv"] = sys.prefix
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(settings))
        self.declare(declaration)

    def declare(self, declaration: object) -> None:
        """Makes this the stack's declaration; what the engine wrote into the file stays."""
        file = self.folder / f"Pulumi.{STACK}.yaml"
        content = yaml.safe_load(file.read_text()) if file.exists() else {}
        file.write_text(yaml.safe_dump({**content, "config": {"ml-platform:platform": declaration}}))

    def steps(self) -> list[Step]:
        """The preview, step by step."""
        result = self.run("preview", "--json")
        return [_step(step) for step in json.loads(result.text)["steps"]]


def _step(step: Mapping[str, Any]) -> Step:
    state = step.get("newState") or step["oldState"]
    return Step(step["op"], state["type"], step["urn"].rpartition("::")[2], step["urn"], state)
