"""What the cluster knows of a run, and of everything that it may wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from cli.objects import ON_A_NODE, Object, Objects
from cli.queues import JOB_UID
from infra.catalogue.names import JOB_LABEL, QUEUE_LABEL

_AT_ONCE = 4
"""Requests. The answers are parsed one at a time anyway."""
KUEUE = "/apis/kueue.x-k8s.io/v1beta2"
_OF_JOB_SET = "jobset.sigs.k8s.io/jobset-name"
JOB, JOB_SET = "Job", "JobSet"
_PATHS = {JOB: "/apis/batch/v1/namespaces/{}/jobs", JOB_SET: "/apis/jobset.x-k8s.io/v1alpha2/namespaces/{}/jobsets"}
_POD_LABELS = {JOB: JOB_LABEL, JOB_SET: _OF_JOB_SET}


@dataclass(frozen=True)
class Pools:
    """Of the declaration."""

    max: Mapping[str, int] = field(default_factory=dict)
    """The most nodes of each pool."""
    elastic: bool = False
    """Whether nodes are started when pods need them."""


@dataclass(frozen=True)
class Facts:
    """Objects as the API server writes them; None: this login may not read them."""

    kind: str
    run: Object
    """The Job or the JobSet."""
    now: datetime
    pods: Sequence[Object] = ()
    """Those of the run."""
    events: Sequence[Object] = ()
    """Those of the team's namespace."""
    claims: Sequence[Object] = ()
    jobs: Sequence[Object] = ()
    """All Jobs of the team."""
    workloads: Sequence[Object] = ()
    """What Kueue knows of all jobs of the team."""
    local_queue: Object | None = None
    cluster_queues: Sequence[Object] | None = ()
    flavors: Sequence[Object] | None = ()
    nodes: Sequence[Object] | None = ()
    scheduled: Sequence[Object] | None = ()
    """Pods of all namespaces that are on a node and have not ended."""
    pools: Pools = Pools()

    @property
    def name(self) -> str:
        return str(self.run["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.run["metadata"]["namespace"])

    @property
    def queue(self) -> str:
        """The name of its LocalQueue; empty if it is in none."""
        return str(self.run["metadata"].get("labels", {}).get(QUEUE_LABEL, ""))

    @property
    def workload(self) -> Object | None:
        """What Kueue knows of the run."""
        uid = self.run["metadata"]["uid"]
        own = (each for each in self.workloads if each["metadata"].get("labels", {}).get(JOB_UID) == uid)
        return next(own, None)


class Cluster(Objects):
    """Runs, and what they may wait for."""

    def run(self, kind: str, namespace: str, name: str) -> Object | None:
        """A Job or a JobSet."""
        return self.get(f"{_PATHS[kind].format(namespace)}/{quote(name, safe='')}") or None

    def runs(self, kind: str, namespace: str, **query: str) -> list[Object]:
        return self.items(_PATHS[kind].format(namespace), **query) or []

    def facts(self, kind: str, run: Object, pools: Pools) -> Facts:
        """Everything that `run` may wait for, asked for at once: a team may have thousands of jobs."""
        namespace, name = run["metadata"]["namespace"], run["metadata"]["name"]
        core, of_team = f"/api/v1/namespaces/{namespace}", f"{KUEUE}/namespaces/{namespace}"
        queue = run["metadata"].get("labels", {}).get(QUEUE_LABEL)
        with ThreadPoolExecutor(_AT_ONCE) as threads:

            def ask(path: str, **query: str) -> Future[list[Object] | None]:
                return threads.submit(self.items, path, **query)

            # The largest answers first.
            workloads = ask(f"{of_team}/workloads") if queue else None
            scheduled = ask("/api/v1/pods", fieldSelector=ON_A_NODE)
            jobs = ask(_PATHS[JOB].format(namespace))
            nodes = ask("/api/v1/nodes")
            events = ask(f"{core}/events")
            pods = ask(f"{core}/pods", labelSelector=f"{_POD_LABELS[kind]}={name}")
            claims = ask(f"{core}/persistentvolumeclaims")
            cluster_queues = ask(f"{KUEUE}/clusterqueues") if queue else None
            flavors = ask(f"{KUEUE}/resourceflavors") if queue else None
            local_queue = threads.submit(self.get, f"{of_team}/localqueues/{queue}") if queue else None
        return Facts(
            kind=kind,
            run=run,
            now=datetime.now(UTC),
            pods=pods.result() or [],
            events=events.result() or [],
            claims=claims.result() or [],
            jobs=jobs.result() or [],
            workloads=(workloads.result() or []) if workloads else [],
            local_queue=local_queue.result() if local_queue else None,
            cluster_queues=cluster_queues.result() if cluster_queues else [],
            flavors=flavors.result() if flavors else [],
            nodes=nodes.result(),
            scheduled=scheduled.result(),
            pools=pools,
        )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
