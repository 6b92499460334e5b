"""IAM's own rules, applied to requests that nobody sends: conditions, trusts, boundaries, policies of resources.

The evaluator is a program in JavaScript, pinned by a lock file and installed into the cache folder at first use.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from common import paths

Policy = Mapping[str, Any]
Context = Mapping[str, str | list[str]]

_SOURCE = Path(__file__).parent
_FILES = ("evaluate.mjs", "package.json", "package-lock.json")


@dataclass(frozen=True)
class Request:
    """Who wants to do what to what, and all that IAM weighs: `own` policies, the `boundary`, the `resource_policy`."""

    principal: str
    action: str
    resource: str
    account: str
    """Whose the resource is."""
    context: Context = field(default_factory=dict)
    own: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    resource_policy: Policy | None = None

    def simulation(self) -> dict[str, Any]:
        """As the evaluator takes it."""
        return {
            "request": {
                "principal": self.principal,
                "action": self.action,
                "resource": {"resource": self.resource, "accountId": self.account},
                "contextVariables": dict(self.context),
            },
            "identityPolicies": [{"name": str(number), "policy": each} for number, each in enumerate(self.own)],
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
            **({"resourcePolicy": self.resource_policy} if self.resource_policy else {}),
            **(
                {"permissionBoundaryPolicies": [{"name": "boundary", "policy": self.boundary}]} if self.boundary else {}
            ),
        }


def allowed(requests: Mapping[str, Request]) -> dict[str, bool]:
    """Whether each request would be let through."""
    question = json.dumps({name: request.simulation() for name, request in requests.items()})
    command = ["node", str(installed() / "evaluate.mjs")]
    answer = subprocess.run(command, input=question, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, f"the evaluator did not understand:\n{answer.stderr}"
    return dict(json.loads(answer.stdout))


@cache
def installed() -> Path:
    """Its folder; an installation that was cut off leaves nothing that looks finished."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("IAM's rules are evaluated by a program in JavaScript: needs node and npm")
    pins = hashlib.sha256(b"".join((_SOURCE / name).read_bytes() for name in _FILES)).hexdigest()
    folder = paths.CACHE / "iam-evaluator" / pins[:12]
    if not folder.exists():
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name in _FILES:
            shutil.copy(_SOURCE / name, partial)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        npm = subprocess.run(command, cwd=partial, capture_output=True, text=True, check=False)
        assert npm.returncode == 0, f"npm can't install the evaluator of IAM's rules:\n{npm.stderr}"
        partial.rename(folder)
    return folder
