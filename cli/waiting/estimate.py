"""When a queued run may start: by how long runs of the jobs before it took, or may take at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from statistics import median

from cli.objects import Object, is_true
from cli.waiting.cluster import Facts, moment
from cli.waiting.in_queue import Queued
from cli.waiting.quota import Holder

_NAME = "app.kubernetes.io/name"


@dataclass(frozen=True)
class Estimate:
    """`seconds` from now."""

    seconds: int
    known_by: str
    """Earlier runs of the jobs that hold what it needs, or their timeouts: then it is the latest."""


def estimate(found: Queued, facts: Facts) -> Estimate | None:
    """None if it waits for other teams, or for jobs of which neither is known."""
    if found.position != 1:
        return None
    ends = sorted(_ends(found.holders, facts), key=lambda each: each[1])
    freed: dict[str, Decimal] = {}
    known_by = "earlier runs"
    for holder, seconds, by in ends:
        known_by = by if by != "earlier runs" else known_by
        for name, amount in holder.amounts.items():
            freed[name] = freed.get(name, Decimal(0)) + amount
        if all(
            found.needs[room.resource] <= min(room.idle, room.allowed) + freed.get(room.resource, Decimal(0))
            for room in found.short
        ):
            return Estimate(seconds, known_by)
    return None


def _ends(holders: Sequence[Holder], facts: Facts) -> Iterator[tuple[Holder, int, str]]:
    """The seconds until each of them has ended."""
    jobs = {each["metadata"]["name"]: each for each in facts.jobs}
    for holder in holders:
        job = jobs.get(holder.job)
        if job is None or not holder.since:
            continue
        passed = facts.now - moment(holder.since)
        earlier = [_took(each) for each in facts.jobs if _is_same(each, job) and is_true(each, "Complete")]
        if earlier:
            yield holder, _left(median(earlier), passed), "earlier runs"
        elif seconds := job["spec"].get("activeDeadlineSeconds"):
            yield holder, _left(seconds, passed), "timeouts"


def _left(seconds: float, passed: timedelta) -> int:
    return max(0, round(seconds - passed.total_seconds()))


def _took(job: Object) -> float:
    status = job["status"]
    return (moment(status["completionTime"]) - moment(status["startTime"])).total_seconds()


def _is_same(one: Object, other: Object) -> bool:
    """Two runs of one declared job."""
    name = (other["metadata"].get("labels") or {}).get(_NAME)
    return bool(name) and (one["metadata"].get("labels") or {}).get(_NAME) == name
