"""Whether each workload fits at three sizes: by itself beside the smallest endpoints, and beside everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cli.capacity import fill, growth
from cli.capacity.demand import LARGEST, SIZES, SMALLEST, USUAL, Endpoint, Runs
from cli.capacity.fleet import Fleet, Result, State
from cli.capacity.nodes import in_units, shape
from cli.capacity.quotas import Quotas, expanded, quotas
from cli.capacity.report import ARITHMETIC, SIMULATION, Limit, Method, Outcome, Report, Row, Verdict
from cli.waiting.amounts import text
from cli.waiting.quota import Room
from infra.declaration.node_room import amounts

_OVERLAPPING = "its runs may overlap without a limit (concurrencyPolicy: Allow); one is counted"


@dataclass(frozen=True)
class Findings:
    """What was found about workloads, by their name and the size, and how full everything gets."""

    alone: Mapping[tuple[str, str], Result]
    """Beside the smallest endpoints; of runs, one of them, which is the same at every size."""
    beside: Mapping[tuple[str, str], Result]
    """Beside everything else; runs that never fit hold nothing that others wait for."""
    stopped: Mapping[tuple[str, str], Sequence[str]]
    """Runs that are stopped for it."""
    pools: Sequence[Limit]
    teams: Sequence[Limit]
    first_limit: str


def examine(stack: str, found: Fleet, scenario: str = "") -> Report:
    """The plan of a stack, by arithmetic."""
    return report(stack, found, scenario, _computed(found), ARITHMETIC)


def report(stack: str, found: Fleet, scenario: str, findings: Findings, by: Method) -> Report:
    """With a verdict about each workload."""
    rows = [_row(found, each, 1, findings) for each in found.demand.endpoints]
    rows += [_row(found, each, each.request.pods, findings) for each in found.demand.runs]
    pools, teams = findings.pools, findings.teams
    closest, notes = fill.fullest(pools, teams), list(_notes(found, by))
    return Report(stack, scenario, rows, pools, teams, findings.first_limit, closest, notes, by)


def _computed(found: Fleet) -> Findings:
    alone = {(each.name, size): _alone(found, each) for each in found.demand.runs for size in SIZES[:1]}
    able = [each for each in found.demand.runs if alone[each.name, SMALLEST].possible]
    states = {size: found.state(found.pods(size), able) for size in SIZES}
    beside = {(name, size): result for size, state in states.items() for name, result in state.results.items()}
    stopped: dict[tuple[str, str], Sequence[str]] = {}
    for size in SIZES:
        for endpoint in found.demand.endpoints:
            pods = {**found.pods(SMALLEST), endpoint.name: endpoint.pods[size]}
            alone[endpoint.name, size] = found.state(pods, ()).results[endpoint.name]
            stopped[endpoint.name, size] = _stopped(found, endpoint, states[SMALLEST], states[size])
    for size in (USUAL, LARGEST):
        for runs in found.demand.runs:
            alone[runs.name, size] = alone[runs.name, SMALLEST]
            if runs in able and beside[runs.name, size].certain:
                stopped[runs.name, size] = _preempted(found, runs, states[size].quotas)
    shown = {size: states[size] for size in (USUAL, LARGEST)}
    return Findings(
        alone,
        beside,
        stopped,
        fill.pools(found.platform, {size: _uses(state) for size, state in shown.items()}),
        fill.teams(found.platform, {size: _rooms(state) for size, state in shown.items()}),
        growth.first_limit(found, able),
    )


def _uses(state: State) -> dict[str, fill.Use]:
    return {name: fill.use_of(nodes) for name, nodes in state.nodes.items()}


def _rooms(state: State) -> dict[str, list[Room]]:
    pools = (*state.nodes, None)
    return {team: [room for pool in pools for room in state.quotas.rooms(team, pool)] for team in state.quotas.shares}


def _alone(found: Fleet, runs: Runs) -> Result:
    """One of the runs, beside the smallest endpoints."""
    return found.state(found.pods(SMALLEST), [replace(runs, count=1)]).results[runs.name]


def _stopped(found: Fleet, endpoint: Endpoint, smallest: State, state: State) -> list[str]:
    """Pods of endpoints preempt those of runs, so these have no room where they had some."""
    if endpoint.request.pool is None or state.results[endpoint.name].wanted <= smallest.results[endpoint.name].wanted:
        return []
    there = [each.name for each in found.demand.runs if each.request.pool == endpoint.request.pool]
    before, after = smallest.results, state.results
    return [name for name in there if name in before and after[name].certain < before[name].certain]


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


def _verdicts(each: Endpoint | Runs, findings: Findings) -> Iterator[Verdict]:
    for size in SIZES:
        alone, stopped = findings.alone[each.name, size], findings.stopped.get((each.name, size), ())
        if isinstance(each, Endpoint):
            yield _verdict(size, alone, findings.beside[each.name, size], stopped)
        elif size == SMALLEST:
            yield _verdict(size, alone, alone, ())
        else:
            beside = findings.beside.get((each.name, size), replace(alone, wanted=each.count))
            yield _verdict(size, alone, beside, stopped)


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


def _row(found: Fleet, each: Endpoint | Runs, pods: int, findings: Findings) -> Row:
    pool = each.request.pool
    node = shape(pool, found.platform) if pool else found.elsewhere.shape
    size = {name: amount for name, amount in in_units(amounts(each.request)).items() if name != "pods"}
    return Row(each.name, each.team, pool or "", node, text(size), pods, list(_verdicts(each, findings)))


def _notes(found: Fleet, by: Method) -> Iterator[str]:
    if by == SIMULATION:
        yield "by the real scheduler and Kueue, on as many simulated nodes of the declared size as there may be"
    yield from (f"{each.name}: {_OVERLAPPING}" for each in found.demand.runs if each.overlapping)
    queues = found.platform.queues
    if queues is not None and queues.preemption.reclaim_within_cohort != "Any" and len(found.platform.teams) > 1:
        yield "lent quota is not always taken back, so that which runs wait also depends on which is submitted first"
    if any(pool.aws and "spot" in pool.aws.capacity for pool in found.platform.node_pools.values()):
        yield "spot nodes count as if there always were capacity; a scenario with lost nodes shows an interruption"
    yield "not counted: disks, volumes' zones, and whether the cloud has capacity"
