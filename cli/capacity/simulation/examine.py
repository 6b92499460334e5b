"""The plan of a stack by simulation: what the scheduler and Kueue decide at each size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from cli.capacity.demand import LARGEST, SIZES, SMALLEST, USUAL, Runs
from cli.capacity.fill import Use, pools, teams
from cli.capacity.fleet import Fleet, Result
from cli.capacity.nodes import in_units, pool_nodes
from cli.capacity.report import SIMULATION, Report
from cli.capacity.simulation import manifests
from cli.capacity.simulation.admission import Admission
from cli.capacity.simulation.api import Api
from cli.capacity.simulation.course import Course
from cli.capacity.simulation.scheduling import Pods
from cli.capacity.verdict import Findings, report
from cli.objects import Object
from cli.waiting.amounts import of_pod, parsed, total
from cli.waiting.cluster import KUEUE
from cli.waiting.quota import ZERO, Room, cohort, rooms
from infra.declaration.queues import gpu_pools, shares
from infra.queues.configuration import NAME as KUEUE_NAME
from infra.queues.configuration import configuration
from infra.queues.definitions import manifests as definitions
from infra.queues.quotas import API, QuotasArgs, cluster_queue
from infra.queues.quotas import manifests as quotas
from offline.machine import ControlPlane, simulated_control_plane

Say = Callable[[str], None]
_NAMESPACE = "default"
_KINDS = {
    "ResourceFlavor": "resourceflavors",
    "ClusterQueue": "clusterqueues",
    "WorkloadPriorityClass": "workloadpriorityclasses",
}


def examine(stack: str, found: Fleet, scenario: str, say: Say) -> Report:
    """In a control plane that is started for it; `say` gets what it does."""
    with _course(found, say) as course:
        findings = _findings(found, course, say)
        say("")
    return report(stack, found, scenario, findings, SIMULATION)


_Results = dict[tuple[str, str], Result]
"""By workload and size."""


@dataclass
class _Found:
    """What is known so far."""

    alone: _Results = field(default_factory=dict)
    beside: _Results = field(default_factory=dict)
    stopped: dict[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    uses: dict[str, Mapping[str, Use]] = field(default_factory=dict)
    rooms: dict[str, Mapping[str, Sequence[Room]]] = field(default_factory=dict)
    first_limit: str = ""


def _findings(found: Fleet, course: Course, say: Say) -> Findings:
    """From an empty cluster on, in this order."""
    known = _Found()
    _by_itself(found, course, known, say)
    able = [each for each in found.demand.runs if known.alone[each.name, SMALLEST].possible]
    say(f"{sum(each.count for each in able)} runs are submitted")
    course.submit(able)
    _grow(found, course, known, able, say)
    if course.any_waits_for_quota():
        _come_last(course, known, able, say)
    limits = pools(found.platform, known.uses), teams(found.platform, known.rooms)
    return Findings(known.alone, known.beside, known.stopped, *limits, known.first_limit)


def _by_itself(found: Fleet, course: Course, known: _Found, say: Say) -> None:
    """Each workload beside the smallest endpoints."""
    say("endpoints start")
    for size in SIZES:
        for endpoint in found.demand.endpoints:
            served = course.serve({**found.pods(SMALLEST), endpoint.name: endpoint.pods[size]})
            known.alone[endpoint.name, size] = served[endpoint.name]
    for number, runs in enumerate(found.demand.runs, 1):
        say(f"run {number} of {len(found.demand.runs)} by itself")
        course.serve(found.pods(SMALLEST))
        known.alone |= dict.fromkeys(((runs.name, size) for size in SIZES), course.one(runs))


def _grow(found: Fleet, course: Course, known: _Found, able: Sequence[Runs], say: Say) -> None:
    """Everything beside everything else, at each size."""
    served, results = course.serve(found.pods(SMALLEST)), course.results(able)
    known.beside |= {(name, SMALLEST): result for name, result in (served | results).items()}
    known.first_limit = _first(served | results)
    for size in (USUAL, LARGEST):
        say(f"endpoints grow to their {size} size")
        for name, pods in _steps(found, size):
            served, before = course.serve(pods), results
            lost, results = course.preempted(), course.results(able)
            known.stopped[name, size] = [
                each.name
                for each in able
                if each.name in lost and results[each.name].certain < before[each.name].certain
            ]
        known.beside |= {(name, size): result for name, result in (served | results).items()}
        known.first_limit = known.first_limit or _first(served)
        known.uses[size], known.rooms[size] = _uses(course), _rooms(found, course)


def _come_last(course: Course, known: _Found, able: Sequence[Runs], say: Say) -> None:
    """The runs that Kueue preempts for one that is submitted last."""
    for runs in able:
        say(f"{runs.name} as the last one")
        stopped = course.stops(runs)
        for size in (USUAL, LARGEST):
            if known.beside[runs.name, size].certain:
                known.stopped[runs.name, size] = stopped


def _first(results: Mapping[str, Result]) -> str:
    """The first workload without room for all of its pods or runs."""
    for name, result in results.items():
        if result.possible < result.wanted and result.cause:
            pods = " pods" if name.startswith("serving/") else ""
            return f"{name} at {result.certain} of {result.wanted}{pods}: {result.cause.message}"
    return ""


def _steps(found: Fleet, size: str) -> Iterator[tuple[str, dict[str, int]]]:
    """Endpoints grow one after the other."""
    pods = found.pods(SMALLEST if size == USUAL else USUAL)
    for endpoint in found.demand.endpoints:
        pods[endpoint.name] = endpoint.pods[size]
        yield endpoint.name, dict(pods)


def _uses(course: Course) -> dict[str, Use]:
    uses = {}
    for name, pods in course.usage().items():
        nodes = course.pools[name].certain
        names = {pod["spec"]["nodeName"] for pod in pods}
        nothing = dict.fromkeys(in_units(nodes.node), ZERO)
        used = {**nothing, **total(of_pod(pod["spec"]) for pod in pods)}
        uses[name] = Use(used, len(names), in_units(nodes.node), len(nodes.free))
    return uses


def _rooms(found: Fleet, course: Course) -> dict[str, list[Room]]:
    """What the runs of each team use of its quota; without queues, all of its pods."""
    if course.admission is None:
        return {team: _of_namespace(course.api, team) for team, each in found.platform.teams.items() if each.quota}
    queues = course.admission.queues()
    named = {each["metadata"]["name"]: each for each in queues}
    own = {team: named[cluster_queue(found.platform.namespace, team)] for team in course.queued}
    return {team: rooms(queue, cohort(queue, queues)) for team, queue in own.items()}


def _of_namespace(api: Api, team: str) -> list[Room]:
    (found,) = api.items(f"/api/v1/namespaces/{team}/resourcequotas")
    hard, used = parsed(found["status"]["hard"]), parsed(found["status"]["used"])
    return [
        Room("", name, hard[counted], used[counted], None, hard[counted], used[counted])
        for name, counted in manifests.COUNTED.items()
    ]


@contextmanager
def _course(found: Fleet, say: Say) -> Iterator[Course]:
    """With all nodes and queues, and nothing on them."""
    say("control plane")
    with simulated_control_plane() as plane:
        api, pools = Api(plane), pool_nodes(found.platform, found.scenario)
        teams = [*found.platform.teams]
        api.at_once(lambda team: api.create("/api/v1/namespaces", {"metadata": {"name": team}}), teams)
        for each in manifests.priorities():
            api.create("/apis/scheduling.k8s.io/v1/priorityclasses", each)
        say(f"{sum(len(each.certain.free) for each in pools.values())} nodes")
        api.at_once(lambda node: _create_node(api, node), manifests.nodes(found.platform, pools, found.scenario))
        queued = [*shares(found.platform)]
        admission = _queues(found, plane, api, queued) if found.platform.queues else None
        limited = [] if admission else [name for name, team in found.platform.teams.items() if team.quota]
        for team in limited:
            _create_quota(api, manifests.quota(found.platform, team))
        yield Course(found, pools, api, Pods(api, limited), admission, queued)


def _create_node(api: Api, node: Object) -> None:
    api.create("/api/v1/nodes", node)


def _create_quota(api: Api, quota: Object) -> None:
    path = f"/api/v1/namespaces/{quota['metadata']['namespace']}/resourcequotas"
    api.create(path, quota)
    api.merge(f"{path}/{quota['metadata']['name']}/status", {"status": quota["status"]})


def _queues(found: Fleet, plane: ControlPlane, api: Api, queued: Sequence[str]) -> Admission:
    """Kueue with the platform's own configuration, without what waits for pods to be ready: none ever is."""
    platform = found.platform
    assert platform.queues is not None
    # Kueue does not start without a Secret and definitions for the certificate of its webhooks, which are not called.
    api.create(f"/api/v1/namespaces/{_NAMESPACE}/secrets", {"metadata": {"name": KUEUE_NAME}})
    for definition in definitions({"name": KUEUE_NAME, "namespace": _NAMESPACE, "port": 443}):
        api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    settings = {**configuration(platform.queues, _NAMESPACE, 0, ["ephemeral-storage"])}
    del settings["waitForPodsReady"]
    # Of runs that are alike, it tries one.
    settings["featureGates"] = {**settings["featureGates"], "SchedulingEquivalenceHashing": True}
    settings["integrations"] = {"frameworks": ["batch/job"]}
    plane.start_queues(settings)
    placements = {name: manifests.placement(platform, name) for name in gpu_pools(platform)}
    for each in quotas(QuotasArgs(platform.namespace, platform.queues, shares(platform), placements)):
        api.create(f"{KUEUE}/{_KINDS[each['kind']]}", each)
    for team in queued:
        spec = {"clusterQueue": cluster_queue(platform.namespace, team)}
        queue = {"apiVersion": API, "kind": "LocalQueue", "metadata": {"name": team}, "spec": spec}
        api.create(f"{KUEUE}/namespaces/{team}/localqueues", queue)
    return Admission(plane, api, platform, queued)
