"""Which runs the queues admit when all of them wait at the same time, and whom they stop for it.

A model of Kueue's admission: the first run of each team is tried, those of teams that borrow least first.
https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cli.capacity.demand import Runs
from cli.waiting import shortage
from cli.waiting.amounts import Amounts as Quantities
from cli.waiting.cause import Cause, Reason
from cli.waiting.choice import Choice
from cli.waiting.quota import ZERO, Holder, Room
from infra.declaration.model import Platform
from infra.declaration.pool_nodes import GPU
from infra.declaration.queues import Amounts, BorrowingLimit, Preemption, Share, requested, shares
from infra.declaration.types import cpu_millis, memory_bytes

_NOTHING = BorrowingLimit(cpu="0", memory="0Ki", gpus=0)


@dataclass(frozen=True)
class Run:
    """One of `runs`."""

    runs: Runs
    order: int

    @property
    def name(self) -> str:
        return self.runs.name

    @property
    def team(self) -> str:
        return self.runs.team

    @property
    def needs(self) -> Amounts:
        return requested(self.runs.request)


def expanded(runs: Iterable[Runs]) -> list[Run]:
    """Each of them."""
    every = [each for each in runs for _ in range(each.count)]
    return [Run(each, order) for order, each in enumerate(every)]


@dataclass
class Quotas:
    """What teams may use, and what is in use. A team without a quota is not limited."""

    shares: Mapping[str, Share]
    preemption: Preemption
    fair: bool
    lending: bool
    """Whether there are queues; without, the quota of a namespace refuses further pods."""
    used: dict[str, Amounts] = field(default_factory=dict)
    admitted: dict[int, Run] = field(default_factory=dict)
    """By their order."""
    waiting: list[Run] = field(default_factory=list)

    def admit(self, runs: Iterable[Run]) -> None:
        """As many as have room; the others wait."""
        lines: dict[str, list[Run]] = {}
        for run in sorted(runs, key=lambda each: (-each.runs.priority, each.order)):
            lines.setdefault(run.team, []).append(run)
        while lines:
            heads = sorted((line[0] for line in lines.values()), key=self._turn)
            for run in heads:
                self._try(run)
                lines[run.team].pop(0)
            lines = {team: line for team, line in lines.items() if line}

    def causes(self) -> dict[str, Cause]:
        """Why runs wait, by name: those that are alike wait for the same."""
        return {name: self._cause(run) for name, run in {run.name: run for run in self.waiting}.items()}

    def rooms(self, team: str, pool: str | None) -> list[Room]:
        """Of each resource in a pool, as the queue of one team sees it."""
        share = self.shares[team]
        cohort = list(self.shares) if self.lending else [team]
        own, used = _quantities(share.nominal, pool), self._quantities(team, pool)
        nominal = [_quantities(self.shares[each].nominal, pool) for each in cohort]
        everything = [self._quantities(each, pool) for each in cohort]
        limits = _limits(share.limit)
        return [
            Room(
                pool or "",
                resource,
                amount,
                used[resource],
                limits.get(resource),
                sum((each[resource] for each in nominal), ZERO),
                sum((each[resource] for each in everything), ZERO),
            )
            for resource, amount in own.items()
        ]

    def _turn(self, run: Run) -> tuple[float, int, int]:
        borrowed = self._borrowed_share(run.team, run.needs) if run.team in self.shares else 0.0
        return borrowed if self.fair else float(borrowed > 0), -run.runs.priority, run.order

    def _try(self, run: Run) -> None:
        short = self._short(run)
        victims = self._borrowers(run, short) if short else []
        if short and not victims:
            self.waiting.append(run)
            return
        for victim in victims:
            self._end(victim)
        self.admitted[run.order] = run
        self._count(run, 1)

    def _choice(self, run: Run) -> Choice:
        needs = {name: amount for name, amount in _quantities(run.needs, run.runs.request.pool).items() if amount}
        rooms = [each for each in self.rooms(run.team, run.runs.request.pool) if each.resource in needs]
        return Choice(rooms, needs, ())

    def _short(self, run: Run) -> list[Room]:
        return self._choice(run).short if run.team in self.shares else []

    def _cause(self, run: Run) -> Cause:
        own = [_holder(each) for each in self.admitted.values() if each.team == run.team]
        found = shortage.cause(self._choice(run), own, run.runs.priority)
        return found or Cause(Reason.QUOTA, "a run of another team took back the quota that it had borrowed")

    def _borrowers(self, run: Run, short: Sequence[Room]) -> list[Run]:
        """Runs of other teams that are stopped, because they have borrowed this team's quota; none if that is too
        little.
        """
        rule = self.preemption.reclaim_within_cohort
        needs = _quantities(run.needs, run.runs.request.pool)
        if rule == "Never" or any(each.used + needs[each.resource] > each.nominal for each in short):
            return []
        lacking = {each.resource: needs[each.resource] - each.free for each in short}
        found: list[Run] = []
        for other in sorted(self.admitted.values(), key=lambda each: (each.runs.priority, -each.order)):
            held = _quantities(other.needs, run.runs.request.pool)
            lower = rule == "Any" or other.runs.priority < run.runs.priority
            if other.team != run.team and lower and self._borrows(other) and any(held[name] for name in lacking):
                found.append(other)
                lacking = {name: left for name in lacking if (left := lacking[name] - held[name]) > 0}
            if not lacking:
                return found
        return []

    def _borrows(self, run: Run) -> bool:
        rooms = self.rooms(run.team, run.runs.request.pool) if run.team in self.shares else []
        return any(each.used > each.nominal for each in rooms)

    def _borrowed_share(self, team: str, more: Amounts) -> float:
        """The largest part of a resource of all teams that a team would have borrowed."""
        pools: list[str | None] = [*self.shares[team].nominal.gpus, None]
        used = self.used.get(team, Amounts()).plus(more)
        parts = [
            float((wanted - room.nominal) / room.cohort)
            for pool in pools
            for room in self.rooms(team, pool)
            if room.cohort and (wanted := _quantities(used, pool)[room.resource]) > room.nominal
        ]
        return max(parts, default=0.0)

    def _quantities(self, team: str, pool: str | None) -> Quantities:
        used = self.used.get(team, Amounts())
        if self.lending or pool is None:
            return _quantities(used, pool)
        return {**_quantities(used, pool), GPU: Decimal(sum(used.gpus.values()))}

    def _end(self, run: Run) -> None:
        del self.admitted[run.order]
        self._count(run, -1)
        self.waiting.append(run)

    def _count(self, run: Run, sign: int) -> None:
        self.used[run.team] = self.used.get(run.team, Amounts()).plus(run.needs, sign)


def quotas(platform: Platform, endpoints: Mapping[str, Amounts]) -> Quotas:
    """Without queues, the quota of a namespace counts what `endpoints` of a team request, too."""
    if platform.queues is not None:
        settings = platform.queues
        return Quotas(shares(platform), settings.preemption, settings.fair_sharing, lending=True)
    found = {}
    for name, team in platform.teams.items():
        if team.quota is not None:
            quota = team.quota
            gpus = dict.fromkeys(platform.node_pools, quota.gpus)
            nominal = Amounts(cpu_millis(quota.cpu), memory_bytes(quota.memory), quota.pods, gpus)
            found[name] = Share(nominal, Amounts(), _NOTHING)
    never = Preemption.model_validate({"reclaimWithinCohort": "Never", "withinClusterQueue": "Never"})
    return Quotas(found, never, fair=False, lending=False, used=dict(endpoints))


def _quantities(amounts: Amounts, pool: str | None) -> dict[str, Decimal]:
    """In the units of Kubernetes."""
    found = {"cpu": Decimal(amounts.cpu) / 1000, "memory": Decimal(amounts.memory), "pods": Decimal(amounts.pods)}
    return found if pool is None else {**found, GPU: Decimal(amounts.gpus.get(pool, 0))}


def _limits(limit: BorrowingLimit) -> dict[str, Decimal]:
    """No team lends pods."""
    found = {"pods": ZERO}
    if limit.cpu is not None:
        found["cpu"] = Decimal(cpu_millis(limit.cpu)) / 1000
    if limit.memory is not None:
        found["memory"] = Decimal(memory_bytes(limit.memory))
    if limit.gpus is not None:
        found[GPU] = Decimal(limit.gpus)
    return found


def _holder(run: Run) -> Holder:
    amounts = _quantities(run.needs, run.runs.request.pool)
    return Holder(run.name, amounts, run.runs.priority, "", {})
