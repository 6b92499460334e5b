"""The order of events: endpoints start, runs are submitted, endpoints grow and take nodes from runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest

from cli.capacity.demand import Endpoint, Runs
from cli.capacity.fleet import Fleet, Result
from cli.capacity.nodes import PoolNodes
from cli.capacity.simulation.admission import Admission
from cli.capacity.simulation.api import Api
from cli.capacity.simulation.manifests import RUN, WORKLOAD, endpoint_pod, job, label, names_of, run_pods
from cli.capacity.simulation.scheduling import Pods
from cli.objects import Object
from cli.waiting import on_nodes
from cli.waiting.cause import Cause, Reason
from cli.waiting.cluster import JOB, Facts, Pools
from cli.waiting.in_queue import queued
from cli.waiting.on_nodes import places, unscheduled
from common.errors import CommandError


@dataclass
class Course:
    """Of one fleet, from an empty cluster on."""

    found: Fleet
    pools: Mapping[str, PoolNodes]
    """Those that are there for sure."""
    api: Api
    pods: Pods
    admission: Admission | None
    """None: no queue is declared."""
    queued: Sequence[str] = ()
    """Teams with a queue."""
    _replicas: dict[str, set[int]] = field(default_factory=dict)
    """The numbers of the pods of each endpoint."""
    _refused: dict[str, str] = field(default_factory=dict)
    """Why a quota refuses pods of an endpoint."""
    _runs: dict[str, Runs] = field(default_factory=dict)
    """All that are submitted, by the name of each single run."""
    _running: dict[str, Runs] = field(default_factory=dict)
    """Those whose pods all have a node."""
    _causes: dict[str, Cause] = field(default_factory=dict)
    """Why runs that are admitted have no node, by their workload."""

    def serve(self, wanted: Mapping[str, int]) -> dict[str, Result]:
        """Give each endpoint so many pods, in turn; those that are too many end."""
        more: list[list[tuple[Endpoint, int]]] = []
        less: list[Object] = []
        for endpoint in filter(self._is_simulated, self.found.demand.endpoints):
            there = self._replicas.setdefault(endpoint.name, set())
            more.append([(endpoint, number) for number in range(wanted[endpoint.name]) if number not in there])
            gone = {number for number in there if number >= wanted[endpoint.name]}
            less += [self._replica(endpoint, number) for number in sorted(gone)]
            there -= gone
        self.pods.delete(less)
        self._refused = {}
        for endpoint, number in (each for turn in zip_longest(*more) for each in turn if each):
            if why := self.pods.create([self._replica(endpoint, number)]):
                self._refused[endpoint.name] = next(iter(why.values()))
            else:
                self._replicas[endpoint.name].add(number)
        self.pods.settle()
        return {each.name: self._endpoint(each, wanted[each.name]) for each in self.found.demand.endpoints}

    def one(self, runs: Runs) -> Result:
        """One of the runs, which then ends."""
        single, name = replace(runs, count=1), f"{label(runs.name)}-alone"
        self._submit(single, [name])
        self.start()
        result = self.results([single])[runs.name]
        self._leave([name])
        if self.admission:
            self.admission.withdraw([name])
            self.admission.settle()
        del self._runs[name]
        return result

    def submit(self, every: Sequence[Runs]) -> None:
        """All at the same time, each behind those before it."""
        with self.admission.together() if self.admission else nullcontext():
            for runs in every:
                self._submit(runs, names_of(runs))
        self.start()

    def _submit(self, runs: Runs, names: Sequence[str]) -> None:
        self._runs |= dict.fromkeys(names, runs)
        if self.admission and runs.team in self.queued:
            self.admission.submit(runs, names)

    def start(self) -> None:
        """Runs that are admitted get nodes, as far as there are any; those that are stopped leave them."""
        if self.admission:
            self._leave(self.admission.settle())
        self._causes = {}
        self._place(self._to_start())

    def any_waits_for_quota(self) -> bool:
        """Of the runs that are submitted."""
        return len(self._admitted()) < len(self._runs)

    def stops(self, runs: Runs) -> list[str]:
        """The workloads whose runs Kueue preempts for a run that is submitted last."""
        if self.admission is None or runs.team not in self.queued:
            return []
        stopped = {
            self._runs[name.removesuffix("-again")].name for name in self.admission.stops(runs, names_of(runs))
        } - {runs.name}
        return [each.name for each in self.found.demand.runs if each.name in stopped]

    def preempted(self) -> set[str]:
        """Runs that have lost a pod to an endpoint lose all, and look for other nodes; of which workloads they are."""
        bound = Counter(str(pod["metadata"]["labels"].get(RUN)) for pod in self.pods.on_nodes(labelSelector=RUN))
        lost = {name: runs for name, runs in self._running.items() if bound[name] < runs.request.pods}
        if lost:
            self._leave(lost)
            self.start()
        return {runs.name for runs in lost.values()}

    def results(self, every: Sequence[Runs]) -> dict[str, Result]:
        """Of runs that are submitted."""
        running = Counter(runs.name for runs in self._running.values())
        admitted = self._admitted()
        return {each.name: self._result(each, running[each.name], admitted) for each in every}

    def usage(self) -> dict[str, list[Object]]:
        """The pods on the nodes of each pool."""
        of_pool: dict[str, list[Object]] = {name: [] for name in self.pools}
        for pod in self.pods.on_nodes():
            of_pool[str(pod["spec"]["nodeName"]).rpartition("-")[0]].append(pod)
        return of_pool

    def _is_simulated(self, each: Endpoint | Runs) -> bool:
        """What names no pool gets no node, but counts in the quota of its namespace."""
        return each.request.pool is not None or self.admission is None

    def _replica(self, endpoint: Endpoint, number: int) -> Object:
        return endpoint_pod(self.found.platform, endpoint, number)

    def _endpoint(self, endpoint: Endpoint, wanted: int) -> Result:
        pool, own = endpoint.request.pool, f"{WORKLOAD}={label(endpoint.name)}"
        refused = _of_quota(self._refused[endpoint.name]) if endpoint.name in self._refused else None
        if pool is None:
            put = self.found.elsewhere.put(endpoint.request, wanted)
            created = len(self._replicas[endpoint.name]) if self._is_simulated(endpoint) else wanted
            return Result(wanted, put.certain, min(put.possible, created), refused or put.cause)
        there = len(self.pods.on_nodes(labelSelector=own))
        if there == wanted:
            return Result(wanted, wanted, wanted)
        pending = self.pods.without_a_node(labelSelector=own)
        cause = self._no_node(pool, pending[0]) if pending else refused
        return self._as_sure(pool, Result(wanted, there, there, cause))

    def _admitted(self) -> dict[str, str]:
        """Since when runs may start."""
        has_quota = self.admission.admitted() if self.admission else {}
        return {name: has_quota.get(name, "") for name, runs in self._runs.items() if self._starts(name, has_quota)}

    def _starts(self, name: str, has_quota: Mapping[str, str]) -> bool:
        return name in has_quota or self.admission is None or self._runs[name].team not in self.queued

    def _to_start(self) -> list[str]:
        """Admitted runs without nodes, in the order of their admission."""
        since = self._admitted()
        line = [name for name, runs in self._runs.items() if name in since and self._is_simulated(runs)]
        return sorted((name for name in line if name not in self._running), key=since.__getitem__)

    def _place(self, names: Sequence[str]) -> None:
        """Each run gets nodes for all of its pods, or none."""
        incomplete = self._try(names)
        if not any(self._runs[name].request.pods > 1 for name in incomplete):
            return
        # A gang that has left its nodes leaves room for others.
        failed: set[str] = set()
        for name in incomplete:
            if self._runs[name].name not in failed and self._try([name]):
                failed.add(self._runs[name].name)

    def _try(self, names: Sequence[str]) -> list[str]:
        """Those of the runs that don't get all of their nodes; they leave those that they have."""
        if not names:
            return []
        refused = {name: next(iter(why.values())) for name in names if (why := self.pods.create(self._pods(name)))}
        if refused and self.admission is not None:
            raise CommandError("the simulation refuses pods of runs that have quota", next(iter(refused.values())))
        self.pods.settle()
        pending = {str(pod["metadata"]["labels"].get(RUN)): pod for pod in self.pods.without_a_node()}
        without = [name for name in names if name in pending or name in refused]
        for name in without:
            runs = self._runs[name]
            if runs.name not in self._causes:
                self._causes[runs.name] = (
                    _of_quota(refused[name])
                    if name in refused
                    else self._no_node(str(runs.request.pool), pending[name])
                )
        self._leave(without)
        self._running |= {name: self._runs[name] for name in names if name not in without}
        return without

    def _pods(self, name: str) -> list[Object]:
        return run_pods(self.found.platform, self._runs[name], name)

    def _leave(self, names: Iterable[str]) -> None:
        gone = list(names)
        self.pods.delete([pod for name in gone for pod in self._pods(name)])
        for name in gone:
            self._running.pop(name, None)

    def _result(self, runs: Runs, running: int, admitted: Mapping[str, str]) -> Result:
        pool = runs.request.pool
        names = [name for name, each in self._runs.items() if each.name == runs.name]
        waiting = next((name for name in names if name not in admitted), None)
        if pool is None:
            put = self.found.elsewhere.put(runs.request, runs.request.pods)
            allowed = running if self.admission is None else sum(name in admitted for name in names)
            cause = put.cause if allowed == runs.count else self._why(runs, waiting)
            return Result(runs.count, 0, allowed if put.possible else 0, cause)
        if running == runs.count:
            return Result(runs.count, running, running)
        result = Result(runs.count, running, running, self._why(runs, waiting))
        return self._as_sure(pool, result) if waiting is None else result

    def _why(self, runs: Runs, waiting: str | None) -> Cause | None:
        """Nodes are scarcer than quota where both are."""
        return self._causes.get(runs.name) or (self._in_queue(runs, waiting) if waiting else None)

    def _as_sure(self, pool: str, result: Result) -> Result:
        """Where a scenario may take away fewer nodes, the verdict is unknown."""
        lost = self.pools[pool].lost
        return replace(result, possible=result.wanted) if lost.possible < lost.certain else result

    def _no_node(self, pool: str, pod: Object) -> Cause:
        if all_lost := self.pools[pool].all_lost:
            return all_lost
        facts = Facts(
            JOB,
            pod,
            datetime.now(UTC),
            nodes=self.api.items("/api/v1/nodes"),
            scheduled=self.pods.on_nodes(),
            pools=Pools({name: len(each.certain.free) for name, each in self.pools.items()}),
        )
        return self.pools[pool].with_loss(on_nodes.cause(pod, unscheduled(pod) or "", places(pod, facts), facts))

    def _in_queue(self, runs: Runs, name: str) -> Cause:
        assert self.admission is not None
        facts = Facts(
            JOB,
            job(runs, name),
            datetime.now(UTC),
            workloads=[each for each in self.admission.workloads() if each["metadata"]["namespace"] == runs.team],
            local_queue=self.admission.local_queue(runs.team),
            cluster_queues=self.admission.queues(),
            flavors=self.admission.flavors(),
        )
        return queued(facts).cause


def _of_quota(why: str) -> Cause:
    return Cause(Reason.QUOTA, why, "wait for another pod of the team to end, or raise the quota")
