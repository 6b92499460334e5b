"""Plans of the base. A commit's plan does not change, so the last one of each stack is kept."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cli.pull_request import checkout
from cli.pull_request.changes import Plan
from cli.pull_request.checkout import Planned
from common import paths
from common.console import Progress

FOLDER = paths.STATE / "base-plans"


def plans(repository: Path, commit: str, stacks: Sequence[str], progress: Progress) -> dict[str, Planned]:
    """By stack, its plan on this commit."""
    found = {stack: Planned(plan) for stack in stacks if (plan := kept(stack, commit)) is not None}
    missing = [stack for stack in stacks if stack not in found]
    return {**found, **(_made(repository, commit, missing, progress) if missing else {})}


def _made(repository: Path, commit: str, stacks: Sequence[str], progress: Progress) -> dict[str, Planned]:
    made = {}
    with tempfile.TemporaryDirectory(prefix="ml-platform-base-") as folder:
        tree = Path(folder) / "tree"
        with progress.step(f"base {commit[:12]}"):
            checkout.lay_out(repository, commit, tree)
        for stack in stacks:
            with progress.step(f"plan of stack {stack} on the base"):
                # A separate state folder: plugins of one tree must not serve the other.
                made[stack] = checkout.plan_of(tree, stack, {"XDG_STATE_HOME": str(Path(folder) / "state")})
            if not made[stack].failure:
                keep(stack, commit, made[stack].plan)
    return made


def kept(stack: str, commit: str) -> Plan | None:
    """The plan of this commit; None if another one's is kept, or none."""
    try:
        found = json.loads((FOLDER / f"{stack}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return dict(found["plan"]) if found["commit"] == commit else None


def keep(stack: str, commit: str, plan: Plan) -> None:
    """In place of the plan of an earlier commit."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=FOLDER, encoding="utf-8", delete=False) as file:
        json.dump({"commit": commit, "plan": plan}, file)
    Path(file.name).replace(FOLDER / f"{stack}.json")
