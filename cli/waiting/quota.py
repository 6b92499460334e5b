"""The quotas of Kueue's queues in numbers: what a team may use, what is in use, and whose it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from kubernetes.utils.quantity import parse_quantity

from cli.objects import Object, is_true
from cli.waiting.amounts import Amounts, of_pod, parsed, times, total

ZERO = Decimal(0)


@dataclass(frozen=True)
class Room:
    """Of one resource in one flavor, as the queue of one team sees it."""

    flavor: str
    resource: str
    nominal: Decimal
    used: Decimal
    """By the team, borrowed amounts included."""
    borrowing_limit: Decimal | None
    """None: no limit."""
    cohort: Decimal
    """The nominal quotas of all teams together."""
    cohort_used: Decimal

    @property
    def most(self) -> Decimal:
        """All that the team may ever use."""
        allowed = self.cohort if self.borrowing_limit is None else self.nominal + self.borrowing_limit
        return min(allowed, self.cohort)

    @property
    def idle(self) -> Decimal:
        """What no team uses."""
        return max(ZERO, self.cohort - self.cohort_used)

    @property
    def allowed(self) -> Decimal:
        """What the team's own limit still allows."""
        return max(ZERO, self.most - self.used)

    @property
    def free(self) -> Decimal:
        """What the team can have now."""
        return min(self.idle, self.allowed)

    @property
    def lent(self) -> Decimal:
        """Of the team's nominal quota, what others have borrowed."""
        own_idle = max(ZERO, self.nominal - self.used)
        return max(ZERO, own_idle - self.idle)


@dataclass(frozen=True)
class Holder:
    """A job of the team that holds quota."""

    job: str
    amounts: Amounts
    priority: int
    since: str
    workload: Object


def rooms(queue: Object, queues: Sequence[Object]) -> list[Room]:
    """Of each flavor and resource of a ClusterQueue; `queues` are those of its cohort, itself included."""
    used, everyone = _used(queue), [_used(each) for each in queues]
    nominal, all_nominal = _nominal(queue), [_nominal(each) for each in queues]
    limits = _limits(queue)
    return [
        Room(
            flavor,
            resource,
            amount,
            used.get((flavor, resource), ZERO),
            limits.get((flavor, resource)),
            sum((each.get((flavor, resource), ZERO) for each in all_nominal), ZERO),
            sum((each.get((flavor, resource), ZERO) for each in everyone), ZERO),
        )
        for (flavor, resource), amount in nominal.items()
    ]


def cohort(queue: Object, queues: Sequence[Object]) -> list[Object]:
    """The queues that lend each other quota."""
    name = queue["spec"].get("cohortName")
    return [each for each in queues if name and each["spec"].get("cohortName") == name] or [queue]


def needs(workload: Object) -> dict[str, Decimal]:
    """What a job asks for, all of its pods together."""
    return total(times(of_pod(each["template"]["spec"]), each["count"]) for each in workload["spec"]["podSets"])


def holders(workloads: Sequence[Object]) -> list[Holder]:
    """Of the team's jobs, those that are admitted and have not ended."""
    return [
        Holder(owner(each), _held(each), priority(each), str(_since(each)), each)
        for each in workloads
        if is_true(each, "QuotaReserved") and not is_true(each, "Finished")
    ]


def pending(workloads: Sequence[Object], queue: str) -> list[Object]:
    """Those of one LocalQueue that wait, in the order in which they are tried.

    A higher priority goes first, then the older one, and of two of the same second the one of the lower UID; one that
    did not become ready in time goes behind (`requeuingStrategy.timestamp: Eviction`).
    """
    waiting = [
        each
        for each in workloads
        if each["spec"].get("queueName") == queue
        and each["spec"].get("active", True)
        and not is_true(each, "QuotaReserved")
        and not is_true(each, "Finished")
    ]
    return sorted(waiting, key=lambda each: (-priority(each), queued_since(each), each["metadata"]["uid"]))


def queued_since(workload: Object) -> str:
    """When it took its place in the queue."""
    for each in workload.get("status", {}).get("conditions") or []:
        if each["type"] == "Evicted" and each["status"] == "True" and each.get("reason") == "PodsReadyTimeout":
            return str(each["lastTransitionTime"])
    return str(workload["metadata"]["creationTimestamp"])


def owner(workload: Object) -> str:
    """The name of its Job or JobSet."""
    owners = workload["metadata"].get("ownerReferences") or []
    return str(owners[0]["name"]) if owners else str(workload["metadata"]["name"])


def priority(workload: Object) -> int:
    return int(workload["spec"].get("priority") or 0)


def _held(workload: Object) -> dict[str, Decimal]:
    assigned = workload.get("status", {}).get("admission", {}).get("podSetAssignments") or []
    return total(parsed(each.get("resourceUsage")) for each in assigned)


def _since(workload: Object) -> str:
    conditions = workload.get("status", {}).get("conditions") or []
    return next((str(each["lastTransitionTime"]) for each in conditions if each["type"] == "QuotaReserved"), "")


def _used(queue: Object) -> dict[tuple[str, str], Decimal]:
    return {
        (flavor["name"], each["name"]): parse_quantity(each.get("total", 0))
        for flavor in queue.get("status", {}).get("flavorsReservation") or []
        for each in flavor.get("resources") or []
    }


def _nominal(queue: Object) -> dict[tuple[str, str], Decimal]:
    return {key: parse_quantity(each["nominalQuota"]) for key, each in _quotas(queue)}


def _limits(queue: Object) -> Mapping[tuple[str, str], Decimal]:
    return {key: parse_quantity(each["borrowingLimit"]) for key, each in _quotas(queue) if "borrowingLimit" in each}


def _quotas(queue: Object) -> Iterator[tuple[tuple[str, str], Object]]:
    for group in queue["spec"].get("resourceGroups") or []:
        for flavor in group["flavors"]:
            for each in flavor["resources"]:
                yield (flavor["name"], each["name"]), each
