"""An explanation as a few lines, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from cli.jobs import printable
from cli.waiting.amounts import numbers, one, plain, text
from cli.waiting.cause import some
from cli.waiting.explain import Explanation
from cli.waiting.in_queue import Queued
from infra.declaration.pool_nodes import GPU

_NAMED = 5
_SCARCE = (GPU, "cpu", "memory")


def lines(found: Explanation) -> Iterator[tuple[str, str]]:
    """A word, and what it says."""
    yield found.state, f"for {timedelta(seconds=found.seconds)}, since {found.since:%Y-%m-%d %H:%M:%S} UTC"
    if found.cause:
        yield "because", f"{printable(found.cause.message)} ({found.cause.reason})"
    yield "needs", text(found.needs)
    if found.queue:
        yield from _queue(found.queue)
    for pool, free in found.pools.items():
        amounts = {name: amount for name, amount in free.items() if name in _SCARCE}
        yield "free", f"{text(amounts)} on the nodes of {f'pool {pool}' if pool else 'no pool'}"
    if found.estimate:
        left = timedelta(seconds=found.estimate.seconds)
        latest = "at the latest " if found.estimate.known_by == "timeouts" else "about "
        yield "starts", f"{latest}in {left}, by the {found.estimate.known_by} of the jobs that hold it"
    if found.cause and found.cause.fix:
        yield "fix", found.cause.fix


def as_json(found: Explanation) -> dict[str, Any]:
    """Amounts are numbers: cores, bytes, and pieces."""
    cause, queue = found.cause, found.queue
    return {
        "name": found.name,
        "namespace": found.namespace,
        "state": found.state,
        "since": found.since.isoformat(),
        "seconds": found.seconds,
        "reason": cause.reason.value if cause else None,
        "message": cause.message if cause else None,
        "fix": cause.fix if cause else None,
        "needs": numbers(found.needs),
        "queue": _queue_json(queue) if queue else None,
        "free": {pool: numbers(amounts) for pool, amounts in found.pools.items()},
        "estimate": {"seconds": found.estimate.seconds, "by": found.estimate.known_by} if found.estimate else None,
    }


def _queue(queue: Queued) -> Iterator[tuple[str, str]]:
    place = f"{queue.position} of {queue.length}" if queue.position else f"none; {queue.length} wait"
    ahead = f", behind {some(queue.ahead, _NAMED)}" if queue.ahead else ""
    yield "position", f"{place} in queue {queue.name}, priority {queue.priority}{ahead}"
    for room in queue.short:
        used = f"the team uses {plain(room.used)} of {one(room.resource, room.nominal)}"
        yield "quota", f"{used}; idle in all teams: {plain(room.idle)} of {plain(room.cohort)} ({room.flavor})"
    if queue.holders:
        yield "held by", some([f"{each.job} ({text(_short(each.amounts, queue))})" for each in queue.holders], _NAMED)
    if queue.others:
        yield "held by", f"other teams ({text(queue.others)})"
    if queue.borrowing:
        yield "borrowing", queue.borrowing
    if queue.preemption:
        yield "preemption", queue.preemption


def _queue_json(queue: Queued) -> dict[str, Any]:
    return {
        "name": queue.name,
        "position": queue.position,
        "length": queue.length,
        "priority": queue.priority,
        "ahead": list(queue.ahead),
        "quota": [
            {
                "flavor": room.flavor,
                "resource": room.resource,
                "needed": float(queue.needs[room.resource]),
                "nominal": float(room.nominal),
                "used": float(room.used),
                "borrowingLimit": None if room.borrowing_limit is None else float(room.borrowing_limit),
                "idle": float(room.idle),
                "free": float(room.free),
            }
            for room in queue.rooms
        ],
        "heldByTeam": {each.job: numbers(_short(each.amounts, queue)) for each in queue.holders},
        "heldByOthers": numbers(queue.others),
        "borrowing": queue.borrowing,
        "preemption": queue.preemption,
    }


def _short(amounts: Any, queue: Queued) -> dict[str, Any]:
    """Of what the run lacks."""
    lacking = {room.resource for room in queue.short}
    return {name: amount for name, amount in amounts.items() if name in lacking}
