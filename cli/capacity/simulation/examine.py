"""The plan of a stack by simulation: what the scheduler and Kueue decide at each size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from cli.capacity.demand import LARGEST, SIZES, SMALLEST, USUAL
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
    return report(stack, found, scenario, findings, SIMULATION)


def _findings(found: Fleet, course: Course, say: Say) -> Findings:
    """From an empty cluster on, in this order."""
    alone: dict[tuple[str, str], Result] = {}
    beside: dict[tuple[str, str], Result] = {}
    stopped: dict[tuple[str, str], Sequence[str]] = {}
    say("endpoints start")
    for size in SIZES:
        for endpoint in found.demand.endpoints:
            served = course.serve({**found.pods(SMALLEST), endpoint.name: endpoint.pods[size]})
            alone[endpoint.name, size] = served[endpoint.name]
    served = course.serve(found.pods(SMALLEST))
    for number, runs in enumerate(found.demand.runs, 1):
        say(f"run {number} of {len(found.demand.runs)} by itself")
        alone |= dict.fromkeys(((runs.name, size) for size in SIZES), course.one(runs))
    able = [each for each in found.demand.runs if alone[each.name, SMALLEST].possible]
    say(f"{sum(each.count for each in able)} runs are submitted")
    course.submit(able)
    results = course.results(able)
    beside |= {(name, SMALLEST): result for name, result in (served | results).items()}
    first_limit, uses, quota = _first(served), {}, {}
    for size in (USUAL, LARGEST):
        say(f"endpoints grow to their {size} size")
        before = results
        served = {}
        for name, pods in _steps(found, size):
            served = course.serve(pods)
            lost = course.preempted()
            after = course.results(able)
            stopped[name, size] = [
                each.name for each in able if each.name in lost and after[each.name].certain < before[each.name].certain
            ]
            results = after
        beside |= {(each, size): result for each, result in (served | results).items()}
        first_limit = first_limit or _first(served)
        uses[size], quota[size] = _uses(course), _rooms(found, course)
    for runs in able:
        if any(beside[each.name, USUAL].certain < each.count for each in able):
            say(f"{runs.name} as the last one")
            preempts = course.stops(runs)
            for size in (USUAL, LARGEST):
                if beside[runs.name, size].certain:
                    stopped[runs.name, size] = preempts
    return Findings(alone, beside, stopped, pools(found.platform, uses), teams(found.platform, quota), first_limit)


def _steps(found: Fleet, size: str) -> Iterator[tuple[str, dict[str, int]]]:
    """Endpoints grow one after the other."""
    pods = found.pods(SMALLEST if size == USUAL else USUAL)
    for endpoint in found.demand.endpoints:
        pods[endpoint.name] = endpoint.pods[size]
        yield endpoint.name, dict(pods)


def _first(served: Mapping[str, Result]) -> str:
    """The first endpoint without room for all of its pods."""
    for name, result in served.items():
        if result.possible < result.wanted and result.cause:
            return f"{name} at {result.certain} of {result.wanted} pods: {result.cause.message}"
    return ""


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
    # Kueue makes certificates for webhooks, and stops without these; nobody calls them.
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
