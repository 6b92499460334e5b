"""A run in the queue of its team: its place, what it needs, who holds it, and why it waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cli.objects import Object, condition, is_true
from cli.waiting import shortage
from cli.waiting.amounts import Amounts
from cli.waiting.cause import Cause, Reason
from cli.waiting.choice import choose
from cli.waiting.cluster import Facts, moment
from cli.waiting.quota import ZERO, Holder, Room, cohort, holders, needs, owner, pending, priority, rooms
from infra.catalogue.names import STOPPED_ANNOTATION

_HELD = ("Hold", "HoldAndDrain")
_UNSEEN = Cause(
    Reason.QUEUE_STOPPED,
    "Kueue has not looked at it yet",
    "if that lasts, see its controller: kubectl get pods -A -l app.kubernetes.io/name=kueue",
)


@dataclass(frozen=True)
class Queued:
    """`position` is from 1, and None if the run is not in the queue."""

    cause: Cause
    name: str
    position: int | None
    length: int
    priority: int = 0
    ahead: Sequence[str] = ()
    """The names of the jobs before it."""
    needs: Amounts = field(default_factory=dict)
    rooms: Sequence[Room] = ()
    """Of each resource that it needs, in the flavor that lacks least."""
    short: Sequence[Room] = ()
    """Those of which there is too little."""
    holders: Sequence[Holder] = ()
    """The team's own jobs that hold what is short."""
    others: Amounts = field(default_factory=dict)
    """What other teams hold of it, all together."""
    borrowing: str = ""
    preemption: str = ""


def queued(facts: Facts) -> Queued:
    """The run is suspended, and names a queue."""
    workload, line = facts.workload, pending(facts.workloads, facts.queue)
    place = line.index(workload) if workload in line else None
    queue = _cluster_queue(facts)
    stopped = _stopped(facts, queue)
    if workload is None:
        return Queued(stopped or _UNSEEN, facts.queue, None, len(line))
    found = Queued(
        stopped or _said(facts, workload),
        facts.queue,
        None if place is None else place + 1,
        len(line),
        priority(workload),
        [owner(each) for each in line[:place]] if place else [],
        needs(workload),
    )
    return found if stopped or queue is None else _in_numbers(found, facts, workload, queue)


def _in_numbers(found: Queued, facts: Facts, workload: Object, queue: Object) -> Queued:
    chosen = choose(workload, rooms(queue, cohort(queue, facts.cluster_queues or ())), facts.flavors or ())
    short = chosen.short
    own = [each for each in holders(facts.workloads) if any(each.amounts.get(room.resource) for room in short)]
    mine = shortage.held(own, short)
    others = {room.resource: room.cohort_used - mine.get(room.resource, ZERO) for room in short}
    return replace(
        found,
        # Where nothing is short, Kueue says itself what it waits for.
        cause=shortage.cause(chosen, own, found.priority) or found.cause,
        rooms=chosen.rooms,
        short=short,
        holders=own,
        others={name: amount for name, amount in others.items() if amount > 0},
        borrowing="; ".join(map(shortage.borrowing, short)),
        preemption=shortage.preemption(chosen, own, found.priority, queue) if short else "",
    )


def _stopped(facts: Facts, queue: Object | None) -> Cause | None:
    workload, local = facts.workload, facts.local_queue
    if workload is not None and workload["spec"].get("active") is False:
        if why := (workload["metadata"].get("annotations") or {}).get(STOPPED_ANNOTATION):
            job = facts.run["metadata"]["labels"].get("app.kubernetes.io/name", facts.name)
            fix = f"`make run JOB={job}` starts it again"
            return Cause(Reason.SUSPENDED, f"the platform has stopped it: {why}", fix)
        return Cause(Reason.QUEUE_STOPPED, "its Workload is not active: it has been stopped", "run the job again")
    if local is not None and not local:
        return Cause(Reason.QUEUE_STOPPED, f"there is no queue '{facts.queue}'", "correct the label of the job")
    for kind, each in (("LocalQueue", local), ("ClusterQueue", queue)):
        if each and (found := _stopped_queue(kind, each)):
            return found
    return None


def _stopped_queue(kind: str, queue: Object) -> Cause | None:
    name, namespace = queue["metadata"]["name"], queue["metadata"].get("namespace")
    if queue["spec"].get("stopPolicy") in _HELD:
        where = f" -n {namespace}" if namespace else ""
        patch = '\'{"spec":{"stopPolicy":"None"}}\''
        fix = f"kubectl patch {kind.lower()} {name}{where} --type=merge -p {patch}"
        return Cause(Reason.QUEUE_STOPPED, f"{kind} {name} is held by its stopPolicy", fix)
    active = condition(queue, "Active")
    if active.get("status") == "False":
        return Cause(Reason.QUEUE_STOPPED, f"{kind} {name} is not active: {active.get('message', '')}")
    return None


def _cluster_queue(facts: Facts) -> Object | None:
    wanted = (facts.local_queue or {}).get("spec", {}).get("clusterQueue")
    return next((each for each in facts.cluster_queues or () if each["metadata"]["name"] == wanted), None)


def _said(facts: Facts, workload: Object) -> Cause:
    """What Kueue says itself."""
    again = ((workload.get("status") or {}).get("requeueState") or {}).get("requeueAt")
    if again and moment(again) > facts.now:
        evicted = condition(workload, "Evicted").get("message", "its pods were not ready in time")
        return Cause(Reason.BACK_OFF, f"{evicted}; it is tried again at {moment(again):%H:%M:%S} UTC")
    if is_true(workload, "Admitted"):
        return Cause(Reason.STARTING, "it is admitted, and its pods are being created")
    said = [condition(workload, type_) for type_ in ("QuotaReserved", "Admitted")]
    message = next((each["message"] for each in said if each.get("status") == "False"), None)
    return Cause(Reason.QUOTA, str(message)) if message else _UNSEEN
