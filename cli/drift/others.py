"""Drift of resources that are no Kubernetes objects: containers of the local foundation, and everything on AWS.

`pulumi refresh --preview-only` reads them and changes neither them nor the state. Of what differs, its plugins say what
the next update would change; what the stack ignores is left out.
"""

import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli import plan, preflight, stack
from cli.drift import fixes, values
from cli.drift.properties import get
from cli.drift.report import Drift
from common import paths
from common.console import Progress
from common.errors import CommandError
from common.pulumi import property_keys, urn_name, urn_type
from infra.declaration.model import Platform
from offline import machine

Resource = Mapping[str, Any]
_DOCKER = ("docker:index/container:Container", "docker:index/volume:Volume")
_AWS = "aws:"
_IN_THE_STATE_ONLY = ("kubernetes:", "pulumi:", "random:")
"""Compared elsewhere, or nowhere else than in the state."""


def readable(resources: Iterable[Resource]) -> list[Resource]:
    """The resources that a plugin can read."""
    return [each for each in _own(resources) if _is_readable(each)]


def unreadable(resources: Iterable[Resource]) -> list[str]:
    """A line for each type that is compared with nothing."""
    others = [each["type"] for each in _own(resources) if not _is_readable(each)]
    counts = Counter(each for each in others if not each.startswith(_IN_THE_STATE_ONLY))
    return [f"{number} of type {kind}: its plugin does not read it" for kind, number in sorted(counts.items())]


def _own(resources: Iterable[Resource]) -> Iterator[Resource]:
    return (each for each in resources if each.get("custom") and not each.get("delete") and not each.get("external"))


def _is_readable(resource: Resource) -> bool:
    return resource["type"] in _DOCKER or str(resource["type"]).startswith(_AWS)


def obstacle(targets: Sequence[Resource], declared: Platform) -> str:
    """Why these resources can't be read from this machine; empty if they can."""
    aws = declared.foundation.aws
    if aws is not None:
        from cli.aws_preflight.check import clients  # the AWS SDK is for stacks on AWS only

        return "" if clients(aws.region) is not None else f"no credentials for account {aws.account}"
    on_docker = any(each["type"] in _DOCKER for each in targets)
    return "no Docker engine answers" if on_docker and machine.docker_host() is None else ""


def find(name: str, targets: Sequence[Resource], declared: Platform, progress: Progress) -> list[Drift]:
    """Read the resources and compare them with the state of stack `name`."""
    official = [each.plugin.name for each in preflight.unofficial_plugins(declared)]
    machine.ensure_tools(progress, cluster=False, official=official)
    preflight.official_plugins(declared)
    with tempfile.TemporaryDirectory(prefix="ml-platform-drift-") as folder:
        events = Path(folder) / "events"
        with progress.step(f"read {len(targets)} resources outside the cluster"):
            done = _refresh(name, preflight.kube_context(declared, name), targets, events)
        logged = list(plan.logged_events(events))
    if done.returncode:
        why = plan.why_failed(logged) or done.stderr.strip() or f"exit code {done.returncode}"
        hint = "nothing was changed; renew the credentials, or see the error above, and try again"
        raise CommandError(f"resources of stack {name} can't be read", why, hint=hint)
    return list(described(logged, name))


def _refresh(name: str, context: str, targets: Sequence[Resource], events: Path) -> subprocess.CompletedProcess[str]:
    with stack.salt_kept_out(name):
        return subprocess.run(
            [str(machine.engine()), *arguments(targets, events), "--stack", name, "--non-interactive"],
            cwd=paths.REPOSITORY,
            env={**stack.environment(context), **stack.EVENT_LOG},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def arguments(targets: Sequence[Resource], events: Path) -> list[str]:
    """Of `pulumi`, to read these resources only; what it finds goes to the event log."""
    chosen = (part for each in targets for part in ("--target", str(each["urn"])))
    return ["refresh", "--preview-only", "--event-log", str(events), *chosen]


def described(events: Iterable[Mapping[str, Any]], stack: str) -> Iterator[Drift]:
    """The drift in the engine's events."""
    for event in events:
        step = event.get("resOutputsEvent", {}).get("metadata", {})
        if step.get("op") not in ("update", "delete"):
            continue
        urn = step["urn"]
        name, fix = f"{urn_type(urn)} {urn_name(urn)}", fixes.of_other(stack, urn)
        if step["op"] == "delete":
            yield Drift("deleted", name, fix=fix)
            continue
        old, new = plan.presentable(step["old"]), plan.presentable(step["new"])
        for field in step.get("detailedDiff") or step.get("diffs") or ():
            declared = _value(field, old.get("inputs", {}), old.get("outputs", {}))
            found = _value(field, new.get("inputs", {}), new.get("outputs", {}))
            yield Drift("changed", name, field, declared, found, fix)


def _value(field: str, *places: Any) -> str:
    """The value of the first place that has the field."""
    path = property_keys(field)
    found = next((value for place in places if (value := get(place, path)) is not None), None)
    if found is None:
        return values.ABSENT
    return values.shown(found, tuple(map(str, path)), hidden=plan.MASKED in str(found))
