"""What was found, and who could not be asked."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from status.alerts import Alert, alerts, alive
from status.declared import Declared
from status.pools import Node, Pool, nodes, own_nodes, pools
from status.sources import Alertmanager, Cluster, Prometheus, Unanswered
from status.workloads import BAD, GOOD, WAITING, Workload, endpoints, jobs, parts

VERSIONS = "count by (namespace, endpoint, version) (inference_model_info)"


@dataclass
class Seen:
    """None where nobody answered; `problems` says who did not, and why."""

    declared: Declared
    endpoints: Sequence[Workload] | None = None
    jobs: Sequence[Workload] | None = None
    parts: Sequence[Workload] | None = None
    pools: Sequence[Pool] | None = None
    nodes: Sequence[Node] | None = None
    alerts: Sequence[Alert] | None = None
    heard: bool = False
    """Whether Alertmanager hears from Prometheus."""
    measured: bool = False
    """Whether Prometheus answers."""
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, file: Path) -> "Seen":
        return cls(Declared.read(file))

    @property
    def firing(self) -> int:
        return len(self.alerts or ())

    def count(self, mood: str) -> int:
        """Of jobs."""
        return sum(job.mood == mood for job in self.jobs or ())

    @property
    def well(self) -> int:
        """Endpoints whose every server is ready."""
        return sum(endpoint.mood == GOOD for endpoint in self.endpoints or ())

    @property
    def gpus(self) -> tuple[int, int]:
        """Used, and all."""
        return sum(pool.used for pool in self.pools or ()), sum(pool.gpus for pool in self.pools or ())

    @property
    def verdict(self) -> tuple[str, str]:
        """A mood and a sentence: what a person wants to know first."""
        wrong = [
            _counted(sum(alert.severity == "critical" for alert in self.alerts or ()), "critical alert"),
            _counted(sum(endpoint.mood != GOOD for endpoint in self.endpoints or ()), "endpoint", "not fully ready"),
            _counted(sum(part.mood != GOOD for part in self.parts or ()), "platform part", "not ready"),
            _counted(sum(not node.ready for node in self.nodes or ()), "node", "not ready"),
        ]
        found = [each for each in wrong if each]
        if found:
            return BAD, "; ".join(found)
        if self.problems:
            return WAITING, "Not everything could be asked"
        less = [_counted(self.firing, "alert"), _counted(self.count(BAD), "job", "failed or missing")]
        rest = [each for each in less if each]
        return (WAITING, "; ".join(rest)) if rest else (GOOD, "All is well")


async def ask_versions(prometheus: Prometheus, seen: Seen) -> Mapping[tuple[str, str], str]:
    """The model version that each endpoint serves; two while one replaces the other."""
    try:
        found = await prometheus.now(VERSIONS)
    except Unanswered as problem:
        seen.problems.append(f"{problem}: no charts, and served versions are not known")
        return {}
    seen.measured = True
    versions: dict[tuple[str, str], list[str]] = {}
    for each in found:
        labels = each["metric"]
        key = (labels.get("namespace", ""), labels.get("endpoint", ""))
        versions.setdefault(key, []).append(labels.get("version", ""))
    return {key: ", ".join(sorted(each)) for key, each in versions.items()}


async def ask_cluster(cluster: Cluster, seen: Seen, versions: Mapping[tuple[str, str], str], now: datetime) -> None:
    """Everything that objects in the cluster tell."""
    declared = seen.declared
    spaces, teams = declared.namespaces, declared.teams
    try:
        found_nodes, pods, deployments, daemons, found_jobs = await asyncio.gather(
            cluster.objects("/api/v1/nodes"),
            _in_each(cluster, spaces, "/api/v1/namespaces/{}/pods"),
            _in_each(cluster, spaces, "/apis/apps/v1/namespaces/{}/deployments"),
            _in_each(cluster, [declared.namespace], "/apis/apps/v1/namespaces/{}/daemonsets"),
            _in_each(cluster, teams, "/apis/batch/v1/namespaces/{}/jobs"),
        )
        refused = await _refused(cluster, found_jobs)
    except Unanswered as problem:
        seen.problems.append(f"{problem}: endpoints, jobs, pools and nodes are not known")
        return
    found_nodes = own_nodes(declared.stack, found_nodes)
    seen.endpoints = list(endpoints(declared, deployments, pods, versions))
    seen.jobs = jobs(declared, found_jobs, pods, refused, now)
    seen.parts = list(parts(declared, [*deployments, *daemons], pods))
    seen.pools = pools(declared.pools, found_nodes, pods)
    seen.nodes = nodes(found_nodes)


async def ask_alertmanager(alertmanager: Alertmanager, seen: Seen, now: datetime) -> None:
    """What fires, and whether anything could."""
    try:
        found = await alertmanager.firing()
    except Unanswered as problem:
        seen.problems.append(f"{problem}: firing alerts are not known")
        return
    seen.alerts = alerts(found, now)
    seen.heard = alive(found)
    if not seen.heard:
        seen.problems.append("Alertmanager has no sign of life from Prometheus: what it shows may be out of date")


async def _in_each(cluster: Cluster, namespaces: Sequence[str], path: str) -> list[Mapping[str, Any]]:
    found = await asyncio.gather(*(cluster.objects(path.format(each)) for each in namespaces))
    return [each for objects in found for each in objects]


async def _refused(cluster: Cluster, found: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """Why the pods of jobs can't be made, such as a quota: only events tell."""
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


def _counted(number: int, what: str, state: str = "") -> str:
    return f"{number} {what}{'' if number == 1 else 's'} {state}".strip() if number else ""
