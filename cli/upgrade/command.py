"""`make upgrade-check`: previews the stack, which needs no credentials, cluster or Docker, and prints the verdict."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from cli import preflight, preview
from cli.upgrade import screen
from cli.upgrade.cluster import DATES, cluster_of
from cli.upgrade.lifecycles import lifecycles, made
from cli.upgrade.parts import declared_parts
from cli.upgrade.verdict import examine
from cli.upgrade.versions import asked
from common.console import Progress, console
from infra.catalogue.versions import OLDEST_KUBERNETES
from infra.declaration.aws.support import minor


def check(stack: str, kubernetes: str, *, as_json: bool = False) -> int:
    """Whether stack `stack` may go to that version; 1 if it does not fit."""
    console.stderr = as_json  # stdout is the JSON document alone
    target = asked(kubernetes, known_versions())
    declared = preflight.declaration(stack, values=False)
    plan = preview.planned(stack, declared, Progress()).succeeded(stack)
    today = datetime.now(UTC).date()
    cluster, parts = cluster_of(declared), declared_parts(declared)
    verdict = examine(stack, made(plan["steps"]), parts, cluster, lifecycles(), target, today)
    if as_json:
        print(json.dumps(screen.as_json(stack, verdict), indent=2))
    else:
        screen.show(stack, verdict)
    return int(not verdict.fits)


def known_versions() -> range:
    """From the oldest one that the platform runs on to the newest one with dates in versions.toml."""
    return range(minor(OLDEST_KUBERNETES), max(*DATES.upstream, *DATES.eks) + 1)
