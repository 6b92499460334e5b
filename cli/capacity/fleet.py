"""Everything at once: endpoints take their nodes first, then the runs that the queues admit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cli.capacity.demand import Demand, Endpoint, Runs, demand
from cli.capacity.elsewhere import Elsewhere, elsewhere
from cli.capacity.nodes import DEPENDS, PoolNodes, Put, pool_nodes
from cli.capacity.quotas import Quotas, expanded, quotas
from cli.capacity.scenario import NOTHING_ELSE, Scenario
from cli.waiting.cause import Cause
from infra.declaration.model import Platform
from infra.declaration.node_room import amounts
from infra.declaration.queues import Amounts, requested
from infra.workloads.kind import Request


@dataclass(frozen=True)
class Result:
    """Of `wanted` pods of an endpoint, or runs: how many fit for sure, and how many may fit."""

    wanted: int
    certain: int
    possible: int
    cause: Cause | None = None
    """Why not all of them are certain."""


@dataclass(frozen=True)
class State:
    """When everything that has room is running; results are by name."""

    results: Mapping[str, Result]
    nodes: Mapping[str, PoolNodes]
    quotas: Quotas


@dataclass(frozen=True)
class Fleet:
    """A stack in a scenario."""

    platform: Platform
    scenario: Scenario
    demand: Demand
    elsewhere: Elsewhere

    def state(self, pods: Mapping[str, int], runs: Sequence[Runs]) -> State:
        """With so many pods of each endpoint, and these runs."""
        nodes = pool_nodes(self.platform, self.scenario)
        results = self._serve(nodes, pods)
        counted = quotas(self.platform, _by_team(self.demand.endpoints, pods))
        counted.admit(expanded(runs))
        results |= self._start(nodes, counted, runs)
        return State(results | self._smallest_first(pods, runs, nodes, results), nodes, counted)

    def pods(self, size: str) -> dict[str, int]:
        """Of each endpoint."""
        return {endpoint.name: endpoint.pods[size] for endpoint in self.demand.endpoints}

    def _serve(self, nodes: Mapping[str, PoolNodes], pods: Mapping[str, int]) -> dict[str, Result]:
        found = {}
        for endpoint in self.demand.endpoints:
            wanted = pods[endpoint.name]
            put = self._put(nodes, endpoint.request, wanted, together=False)
            found[endpoint.name] = Result(wanted, put.certain, put.possible, put.cause)
        return found

    def _start(self, nodes: Mapping[str, PoolNodes], counted: Quotas, runs: Sequence[Runs]) -> dict[str, Result]:
        """Runs that are admitted get their nodes one after the other, each all of its pods."""
        certain, possible, causes = Counter[str](), Counter[str](), counted.causes()
        for run in counted.admitted.values():
            asked = run.runs.request
            put = self._put(nodes, asked, asked.pods, together=True)
            certain[run.name] += put.certain == asked.pods
            possible[run.name] += put.possible == asked.pods
            if put.cause:
                # Nodes are scarcer than quota: fewer run than are admitted.
                causes[run.name] = put.cause
        found = {}
        for each in runs:
            sure, most, asked = certain[each.name], possible[each.name], each.request
            if asked.pool is not None and most > sure:
                # Each of them may have room, but not all.
                most = sure + nodes[asked.pool].most(asked, (most - sure) * asked.pods) // asked.pods
            found[each.name] = Result(each.count, sure, most, causes.get(each.name))
        return found

    def _smallest_first(
        self, pods: Mapping[str, int], runs: Sequence[Runs], nodes: Mapping[str, PoolNodes], found: Mapping[str, Result]
    ) -> dict[str, Result]:
        """Runs that fit only if they start before smaller ones, which is not guaranteed: they are not certain."""
        mixed = [each for each in runs if each.request.pool and len(nodes[each.request.pool].pods) > 1]
        if not mixed:
            return {}
        again, less = pool_nodes(self.platform, self.scenario), {}
        self._serve(again, pods)
        for each in sorted(mixed, key=lambda each: amounts(each.request)[::-1]):
            asked, result = each.request, found[each.name]
            puts = [self._put(again, asked, asked.pods, together=True) for _ in range(result.certain)]
            certain = sum(put.certain == asked.pods for put in puts)
            if certain < result.certain:
                less[each.name] = replace(result, certain=certain, cause=DEPENDS)
        return less

    def _put(self, nodes: Mapping[str, PoolNodes], asked: Request, pods: int, *, together: bool) -> Put:
        if asked.pool is None:
            return self.elsewhere.put(asked, pods)
        return nodes[asked.pool].put(asked, pods, together=together)


def fleet(platform: Platform, scenario: Scenario = NOTHING_ELSE) -> Fleet:
    """Of a declaration."""
    return Fleet(platform, scenario, demand(platform, scenario), elsewhere(platform))


def _by_team(endpoints: Sequence[Endpoint], pods: Mapping[str, int]) -> dict[str, Amounts]:
    """What these pods request."""
    found: dict[str, Amounts] = {}
    for endpoint in endpoints:
        amounts = requested(endpoint.with_pods(pods[endpoint.name]))
        found[endpoint.team] = found.get(endpoint.team, Amounts()).plus(amounts)
    return found
