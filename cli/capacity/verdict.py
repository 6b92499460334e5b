"""Whether each workload fits at three sizes: by itself beside the smallest endpoints, and beside everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cli.capacity import fill, growth
from cli.capacity.demand import LARGEST, SIZES, SMALLEST, USUAL, Endpoint, Runs
from cli.capacity.fleet import Fleet, Result, State
from cli.capacity.nodes import in_units, shape
from cli.capacity.quotas import Quotas, expanded, quotas
from cli.capacity.report import Outcome, Report, Row, Verdict
from cli.waiting.amounts import text
from infra.declaration.node_room import amounts

_OVERLAPPING = "its runs may overlap without a limit (concurrencyPolicy: Allow); one is counted"


def examine(stack: str, found: Fleet, scenario: str = "") -> Report:
    """The plan of a stack. Runs that never fit hold nothing that others wait for."""
    alone = {each.name: _alone(found, each) for each in found.demand.runs}
    able = [each for each in found.demand.runs if alone[each.name].possible]
    beside = {size: found.state(found.pods(size), able) for size in SIZES}
    rows = [
        *(_endpoint(found, each, beside) for each in found.demand.endpoints),
        *(_runs(found, each, alone[each.name], beside) for each in found.demand.runs),
    ]
    states = {size: beside[size] for size in (USUAL, LARGEST)}
    pools, teams = fill.pools(found, states), fill.teams(found, states)
    first, closest = growth.first_limit(found, able), fill.fullest(pools, teams)
    return Report(stack, scenario, rows, pools, teams, first, closest, list(_notes(found)))


def _alone(found: Fleet, runs: Runs) -> Result:
    """One of the runs, beside the smallest endpoints."""
    return found.state(found.pods(SMALLEST), [replace(runs, count=1)]).results[runs.name]


def _endpoint(found: Fleet, endpoint: Endpoint, beside: Mapping[str, State]) -> Row:
    verdicts = []
    for size in SIZES:
        alone = found.state({**found.pods(SMALLEST), endpoint.name: endpoint.pods[size]}, ())
        result = beside[size].results[endpoint.name]
        stopped = _stopped(found, endpoint, beside[SMALLEST], beside[size])
        verdicts.append(_verdict(size, alone.results[endpoint.name], result, stopped))
    return _row(found, endpoint, 1, verdicts)


def _stopped(found: Fleet, endpoint: Endpoint, smallest: State, state: State) -> list[str]:
    """Pods of endpoints preempt those of runs, so these have no room where they had some."""
    if endpoint.request.pool is None or state.results[endpoint.name].wanted <= smallest.results[endpoint.name].wanted:
        return []
    there = [each.name for each in found.demand.runs if each.request.pool == endpoint.request.pool]
    before, after = smallest.results, state.results
    return [name for name in there if name in before and after[name].certain < before[name].certain]


def _runs(found: Fleet, runs: Runs, alone: Result, beside: Mapping[str, State]) -> Row:
    verdicts = [_verdict(SMALLEST, alone, alone, ())]
    for size in (USUAL, LARGEST):
        result = beside[size].results.get(runs.name, replace(alone, wanted=runs.count))
        stopped = _preempted(found, runs, beside[size].quotas) if result.certain else []
        verdicts.append(_verdict(size, alone, result, stopped))
    return _row(found, runs, runs.request.pods, verdicts)


def _preempted(found: Fleet, runs: Runs, counted: Quotas) -> list[str]:
    """Runs that the queues would stop for it, if it came last."""
    waiting = {each.name for each in counted.waiting}
    if not counted.lending or not waiting:
        return []
    without = quotas(found.platform, {})
    able = {each.name for each in (*counted.admitted.values(), *counted.waiting)}
    without.admit(expanded(each for each in found.demand.runs if each is not runs and each.name in able))
    before, after = _counts(without), _counts(counted)
    return [
        each.name
        for each in found.demand.runs
        if after.get(each.name, 0) < before.get(each.name, 0) and _may_stop(counted, runs, each)
    ]


def _may_stop(counted: Quotas, runs: Runs, other: Runs) -> bool:
    rules = counted.preemption
    lower = other.priority < runs.priority
    if runs.team == other.team:
        return lower and rules.within_cluster_queue != "Never"
    return rules.reclaim_within_cohort == "Any" or (rules.reclaim_within_cohort == "LowerPriority" and lower)


def _counts(counted: Quotas) -> dict[str, int]:
    found: dict[str, int] = {}
    for run in counted.admitted.values():
        found[run.name] = found.get(run.name, 0) + 1
    return found


def _verdict(size: str, alone: Result, beside: Result, stopped: Sequence[str]) -> Verdict:
    outcome = _outcome(alone, beside)
    cause = alone.cause if outcome == "never" else beside.cause
    shown = alone if outcome == "never" else beside
    if outcome == "fits" or cause is None:
        return Verdict(size, outcome, beside.wanted, beside.certain, preempts=stopped)
    return Verdict(size, outcome, beside.wanted, shown.certain, cause.reason, cause.message, cause.fix, stopped)


def _outcome(alone: Result, beside: Result) -> Outcome:
    if alone.possible < alone.wanted:
        return "never"
    if beside.certain == beside.wanted:
        return "fits"
    return "waits" if beside.possible < beside.wanted else "unknown"


def _row(found: Fleet, each: Endpoint | Runs, pods: int, verdicts: Sequence[Verdict]) -> Row:
    pool = each.request.pool
    node = shape(pool, found.platform) if pool else found.elsewhere.shape
    size = {name: amount for name, amount in in_units(amounts(each.request)).items() if name != "pods"}
    return Row(each.name, each.team, pool or "", node, text(size), pods, verdicts)


def _notes(found: Fleet) -> Iterator[str]:
    yield from (f"{each.name}: {_OVERLAPPING}" for each in found.demand.runs if each.overlapping)
    queues = found.platform.queues
    if queues is not None and queues.preemption.reclaim_within_cohort != "Any" and len(found.platform.teams) > 1:
        yield "lent quota is not always taken back, so that which runs wait also depends on which is submitted first"
    if any(pool.aws and "spot" in pool.aws.capacity for pool in found.platform.node_pools.values()):
        yield "spot nodes count as if there always were capacity; a scenario with lost nodes shows an interruption"
    yield "not counted: disks, volumes' zones, and whether the cloud has capacity"
