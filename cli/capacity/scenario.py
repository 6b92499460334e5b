"""A scenario: more runs, other numbers of pods, lost nodes and zones, as a YAML file with the rules for it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError

from common.errors import CommandError
from infra.declaration.model import Platform
from infra.declaration.problems import Problem, suggestion, to_problems
from infra.declaration.queues import UNDECLARED
from infra.declaration.types import Name, Settings, ShortName, Taint
from infra.declaration.workloads import Resources
from infra.declaration.yaml_reader import LONGEST_FILE, read

ZONE = "topology.kubernetes.io/zone"
_EXAMPLE = "docs/plan.md has an example"


def _nodes(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    percentage = re.fullmatch(r"(\d{1,3})%", text, re.ASCII) if isinstance(text, str) else None
    number = re.fullmatch(r"[1-9]\d{0,3}", text, re.ASCII) if isinstance(text, str) else None
    if not isinstance(text, str) or not (number or percentage):
        raise ValueError(f"{value!r} is not a number of nodes; write one such as 2, or a part of the pool such as 50%")
    if percentage and not 1 <= int(percentage[1]) <= 100:
        raise ValueError(f"{value!r} is out of range; write 1% to 100%")
    return text


class Run(Settings):
    """Training runs that would be submitted besides the declared ones."""

    team: Name
    count: int = Field(default=1, ge=1, le=10_000)
    workers: int = Field(default=1, ge=1, le=100)
    pool: ShortName | None = None
    gpus: int = Field(default=0, ge=0)
    resources: Resources = Resources(cpu="500m", memory="1Gi")
    priority: ShortName | None = None


class Lost(Settings):
    """What is not there for the moment."""

    nodes: dict[ShortName, Annotated[str, BeforeValidator(_nodes)]] = Field(default={})
    """By pool: how many, or which part, such as by a spot interruption."""
    zones: Annotated[tuple[str, ...], Field(strict=False)] = ()


class Scenario(Settings):
    """What would be different from the declaration."""

    runs: dict[ShortName, Run] = Field(default={})
    endpoints: dict[Name, Annotated[int, Field(ge=0, le=100)]] = Field(default={})
    """Replicas that an endpoint usually has."""
    lost: Lost = Lost()
    taints: dict[ShortName, Annotated[tuple[Taint, ...], Field(strict=False, min_length=1)]] = Field(default={})
    """By pool, taints that somebody adds to its nodes."""


NOTHING_ELSE = Scenario()


def load(file: Path, platform: Platform) -> Scenario:
    """The scenario of a file, or an error with everything that is wrong with it."""
    try:
        with file.open("rb") as stream:
            content = stream.read(LONGEST_FILE + 1)
    except OSError as error:
        raise CommandError(f"{file} can't be read", error.strerror or "", hint=_EXAMPLE) from None
    found, problems = _parsed(content)
    if found is not None and not problems:
        problems = list(broken_rules(found, platform))
    if found is None or problems:
        raise CommandError(f"{file} is invalid", "\n".join(map(str, problems)), hint=_EXAMPLE)
    return found


def _parsed(content: bytes) -> tuple[Scenario | None, list[Problem]]:
    if len(content) > LONGEST_FILE:
        return None, [Problem("", f"is too large; write at most {LONGEST_FILE // 1024} KiB")]
    try:
        raw, problems = read(content.decode("utf-8"))
    except UnicodeDecodeError:
        return None, [Problem("", "is not UTF-8 text")]
    if problems:
        return None, problems
    if not isinstance(raw, Mapping):
        return None, [Problem("", "is no mapping; write runs, endpoints, lost or taints")]
    try:
        return Scenario.model_validate(raw), []
    except ValidationError as error:
        found = to_problems(error, Scenario, "")
        return None, [Problem(each.path.removeprefix("."), each.message) for each in found]


def broken_rules(scenario: Scenario, platform: Platform) -> Iterator[Problem]:
    """Names that the stack does not declare, and what would have no effect."""
    for name, run in scenario.runs.items():
        yield from _broken_run(f"runs.{name}", run, platform)
    for name, pods in scenario.endpoints.items():
        path = f"endpoints.{name}"
        if name not in platform.serving:
            yield Problem(path, f"endpoint '{name}' is not declared{suggestion(name, platform.serving)}")
        elif not (range_ := platform.serving[name].replicas).min <= pods <= range_.max:
            allowed = f"{range_.min}" if range_.fixed else f"{range_.min} to {range_.max}"
            yield Problem(path, f"{pods} is out of its range; write {allowed}")
    for pool, lost in scenario.lost.nodes.items():
        path = f"lost.nodes.{pool}"
        if pool not in platform.node_pools:
            yield _undeclared(path, pool, platform)
        elif lost_nodes(lost, most := platform.node_pools[pool].max) > most:
            yield Problem(path, f"the pool has {most} nodes at most; write at most {most}, or 100%")
    for pool in scenario.taints:
        if pool not in platform.node_pools:
            yield _undeclared(f"taints.{pool}", pool, platform)
    known = sorted({zone for name in platform.node_pools for zone in zones(platform, name)})
    for position, zone in enumerate(scenario.lost.zones):
        if zone not in known:
            yield Problem(f"lost.zones.{position}", f"no pool has nodes in '{zone}'{suggestion(zone, known)}")


def zones(platform: Platform, pool: str) -> tuple[str, ...]:
    """Where nodes of a pool may be; none where the declaration does not say it."""
    settings = platform.node_pools[pool]
    if platform.foundation.aws is not None and settings.aws is not None:
        return settings.aws.zones or tuple(platform.foundation.aws.network.zones)
    return (settings.labels[ZONE],) if ZONE in settings.labels else ()


def lost_nodes(lost: str, most: int) -> int:
    """Of a pool with so many nodes at most; a part of a node is a whole one."""
    return math.ceil(most * int(lost[:-1]) / 100) if lost.endswith("%") else int(lost)


def _broken_run(path: str, run: Run, platform: Platform) -> Iterator[Problem]:
    if run.team not in platform.teams:
        yield Problem(f"{path}.team", f"team '{run.team}' is not declared{suggestion(run.team, platform.teams)}")
    if run.pool is not None and run.pool not in platform.node_pools:
        yield _undeclared(f"{path}.pool", run.pool, platform)
    if run.gpus and run.pool is None:
        yield Problem(f"{path}.gpus", "only node pools have GPUs; write 'pool' with the name of one")
    if run.priority is not None and platform.queues is None:
        yield Problem(f"{path}.priority", "does nothing without queues in the stack; remove it")
    elif run.priority is not None and platform.queues is not None:
        known = {**platform.queues.priorities, UNDECLARED: 0}
        if run.priority not in known:
            message = f"priority '{run.priority}' is not declared{suggestion(run.priority, known)}"
            yield Problem(f"{path}.priority", message)


def _undeclared(path: str, pool: str, platform: Platform) -> Problem:
    return Problem(path, f"pool '{pool}' is not declared{suggestion(pool, platform.node_pools)}")
