"""One explanation of why a run waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from cli.objects import Object, condition, is_true
from cli.waiting import on_nodes, starting
from cli.waiting.amounts import Amounts, of_pod, times, total
from cli.waiting.cause import Cause, Reason
from cli.waiting.cluster import JOB, Facts, moment
from cli.waiting.estimate import Estimate, estimate
from cli.waiting.in_queue import Queued, queued
from cli.waiting.on_nodes import Places, places, unscheduled

Waits = tuple[Cause, Places | None]
"""Why a pod waits, and the nodes that it may run on where it waits for one."""
_ENDED = ("Complete", "Completed", "Failed")


@dataclass(frozen=True)
class Explanation:
    """`cause` is None if the run does not wait."""

    name: str
    namespace: str
    state: str
    since: datetime
    seconds: int
    needs: Amounts
    cause: Cause | None = None
    queue: Queued | None = None
    estimate: Estimate | None = None
    pools: Mapping[str, Amounts] = field(default_factory=dict)
    """What is free on the nodes that its pods may run on, by pool; where it waits for a node."""


def explain(facts: Facts) -> Explanation:
    """Of a run that has not ended: what it waits for, if it does."""
    since = moment(facts.run["metadata"]["creationTimestamp"])
    ended = [each for each in _ENDED if is_true(facts.run, each)]
    if ended:
        end = moment(condition(facts.run, ended[0])["lastTransitionTime"])
        state = "failed" if ended[0] == "Failed" else "succeeded"
        return Explanation(facts.name, facts.namespace, state, end, _passed(end, facts), _needs(facts))
    if facts.run["spec"].get("suspend"):
        return _suspended(facts, since)
    return _of_pods(facts, since)


def _suspended(facts: Facts, since: datetime) -> Explanation:
    if not facts.queue:
        cause = Cause(Reason.SUSPENDED, "it is suspended, and in no queue", _resume(facts))
        return Explanation(facts.name, facts.namespace, "suspended", since, _passed(since, facts), _needs(facts), cause)
    found = queued(facts)
    evicted = condition(facts.workload or {}, "Evicted")
    if evicted.get("status") == "True":
        since = moment(evicted["lastTransitionTime"])
    return Explanation(
        facts.name,
        facts.namespace,
        "stopped" if found.cause.reason is Reason.SUSPENDED else "queued",
        since,
        _passed(since, facts),
        found.needs or _needs(facts),
        found.cause,
        found,
        estimate(found, facts),
    )


def _of_pods(facts: Facts, since: datetime) -> Explanation:
    alive = [each for each in facts.pods if each.get("status", {}).get("phase") in ("Pending", "Running")]
    found = _telling(_causes(alive, facts)) if alive else (starting.no_pods(facts), None)
    if found is None:
        began = moment(facts.run.get("status", {}).get("startTime") or facts.run["metadata"]["creationTimestamp"])
        return Explanation(facts.name, facts.namespace, "running", began, _passed(began, facts), _needs(facts))
    cause, where = found
    waits = [moment(each["metadata"]["creationTimestamp"]) for each in alive]
    since = min(waits, default=since)
    free = _free_by_pool(where) if where else {}
    return Explanation(
        facts.name, facts.namespace, "pending", since, _passed(since, facts), _needs(facts), cause, pools=free
    )


def _telling(causes: Iterator[Waits]) -> Waits | None:
    """The first that is more than a start. The others are not looked for: pods of a run mostly wait for the same."""
    starts = None
    for each in causes:
        if each[0].reason is not Reason.STARTING:
            return each
        starts = starts or each
    return starts


def _causes(pods: list[Object], facts: Facts) -> Iterator[Waits]:
    for pod in pods:
        said = unscheduled(pod)
        if said is not None:
            where = places(pod, facts)
            yield on_nodes.cause(pod, said, where, facts), where
        elif found := starting.cause(pod, facts):
            yield found, None


def _free_by_pool(where: Places) -> dict[str, dict[str, Decimal]]:
    pools = {each.pool for each in where.open}
    return {pool: total(each.free for each in where.open if each.pool == pool) for pool in sorted(pools)}


def _needs(facts: Facts) -> dict[str, Decimal]:
    """All pods of the run together."""
    spec = facts.run["spec"]
    if facts.kind == JOB:
        return times(of_pod(spec["template"]["spec"]), spec.get("parallelism", 1))
    return total(
        times(
            of_pod(each["template"]["spec"]["template"]["spec"]),
            each.get("replicas", 1) * each["template"]["spec"].get("parallelism", 1),
        )
        for each in spec["replicatedJobs"]
    )


def _passed(since: datetime, facts: Facts) -> int:
    return max(0, round((facts.now - since).total_seconds()))


def _resume(facts: Facts) -> str:
    kind = facts.kind.lower()
    return f'kubectl patch {kind} {facts.name} -n {facts.namespace} --type=merge -p \'{{"spec":{{"suspend":false}}}}\''
