"""Queries the API server, Prometheus and Alertmanager concurrently and combines their answers."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from status.alerts import alerts, alive
from status.declared import Declared
from status.pools import nodes, own_nodes, pools
from status.queues import waiting
from status.seen import Seen
from status.sources import Alertmanager, Cluster, Object, Prometheus, Unanswered
from status.workloads import NO_VERSION, endpoints, jobs, parts

Answer = TypeVar("Answer")

VERSIONS = "count by (namespace, endpoint, version) (inference_model_info)"
WITHOUT_VERSION = "max by (namespace, endpoint) (inference_model_loaded) == 0"


@dataclass(frozen=True)
class Objects:
    """The stack's objects in the cluster. `servers` are Deployments and DaemonSets; `why` has, by job, why its pods
    are rejected, or why it waits in its queue."""

    nodes: Sequence[Object]
    pods: Sequence[Object]
    servers: Sequence[Object]
    jobs: Sequence[Object]
    why: Mapping[tuple[str, str], str]


async def ask(
    cluster: Cluster, prometheus: Prometheus, alertmanager: Alertmanager, declared: Declared, now: datetime
) -> Seen:
    """Queries all three concurrently, so that timeouts do not add up."""
    seen = Seen(declared)
    versions, found, firing = await asyncio.gather(
        _answer(_versions(prometheus), seen, "no charts; served versions are unknown"),
        _answer(_objects(cluster, declared), seen, "endpoints, jobs, pools and nodes are unknown"),
        _answer(alertmanager.firing(), seen, "firing alerts are unknown"),
    )
    seen.problems.sort()  # they came in any order
    seen.measured = versions is not None
    if found is not None:
        _take_objects(seen, found, versions or {}, now)
    if firing is not None:
        _take_alerts(seen, firing, now)
    return seen


async def _answer(asked: Awaitable[Answer], seen: Seen, without: str) -> Answer | None:
    """None if the source does not answer; `without` says what the page then lacks."""
    try:
        return await asked
    except Unanswered as problem:
        seen.problems.append(f"{problem}: {without}")
        return None


async def _versions(prometheus: Prometheus) -> Mapping[tuple[str, str], str]:
    """The model version that each endpoint serves, or `NO_VERSION`; two while servers change over."""
    versions: dict[tuple[str, str], list[str]] = {}
    found, waiting = await asyncio.gather(prometheus.now(VERSIONS), prometheus.now(WITHOUT_VERSION))
    for each in found:
        versions.setdefault(_endpoint(each), []).append(each["metric"].get("version", ""))
    none_yet = {_endpoint(each): NO_VERSION for each in waiting}
    return {**none_yet, **{key: ", ".join(sorted(each)) for key, each in versions.items()}}


def _endpoint(series: Object) -> tuple[str, str]:
    return series["metric"].get("namespace", ""), series["metric"].get("endpoint", "")


async def _objects(cluster: Cluster, declared: Declared) -> Objects:
    spaces, teams = declared.namespaces, declared.teams
    found_nodes, pods, deployments, daemons, found_jobs, workloads = await asyncio.gather(
        cluster.objects("/api/v1/nodes"),
        _in_each(cluster, spaces, "/api/v1/namespaces/{}/pods"),
        _in_each(cluster, spaces, "/apis/apps/v1/namespaces/{}/deployments"),
        _in_each(cluster, declared.own, "/apis/apps/v1/namespaces/{}/daemonsets"),
        _in_each(cluster, teams, "/apis/batch/v1/namespaces/{}/jobs"),
        _in_each(cluster, teams if declared.queued else [], "/apis/kueue.x-k8s.io/v1beta2/namespaces/{}/workloads"),
    )
    refused = await _refused(cluster, found_jobs)
    own = own_nodes(declared.stack, found_nodes)
    return Objects(own, pods, [*deployments, *daemons], found_jobs, {**refused, **waiting(workloads, found_jobs)})


def _take_objects(seen: Seen, found: Objects, versions: Mapping[tuple[str, str], str], now: datetime) -> None:
    declared = seen.declared
    seen.endpoints = list(endpoints(declared, found.servers, found.pods, versions))
    seen.jobs = jobs(declared, found.jobs, found.pods, found.why, now)
    seen.parts = list(parts(declared, found.servers, found.pods))
    seen.pools = pools(declared.pools, found.nodes, found.pods)
    seen.nodes = nodes(declared.pools, found.nodes)


def _take_alerts(seen: Seen, firing: Sequence[Object], now: datetime) -> None:
    """The firing alerts, and whether the heartbeat arrives."""
    seen.alerts = alerts(firing, now)
    seen.heard = alive(firing)
    if not seen.heard:
        seen.problems.append("Alertmanager gets no heartbeat from Prometheus: its alerts may be outdated")


async def _in_each(cluster: Cluster, namespaces: Sequence[str], path: str) -> list[Object]:
    found = await asyncio.gather(*(cluster.objects(path.format(each)) for each in namespaces))
    return [each for objects in found for each in objects]


async def _refused(cluster: Cluster, found: Sequence[Object]) -> dict[tuple[str, str], str]:
    """Why pods of jobs are rejected, such as a quota: only events have the reason."""
    open_ones = {job["metadata"]["namespace"] for job in found if not job["status"].get("conditions")}
    events = await asyncio.gather(
        *(
            cluster.objects(
                f"/api/v1/namespaces/{each}/events", fieldSelector="involvedObject.kind=Job,reason=FailedCreate"
            )
            for each in sorted(open_ones)
        )
    )
    latest = sorted(
        (event for found in events for event in found), key=lambda event: str(event.get("lastTimestamp") or "")
    )
    return {(each["metadata"]["namespace"], each["involvedObject"]["name"]): each["message"] for each in latest}
