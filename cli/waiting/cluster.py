"""What the cluster knows of a run, and of everything that it may wait for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from cli.queues import JOB_UID
from infra.catalogue.names import JOB_LABEL, QUEUE_LABEL

Object = Mapping[str, Any]
_SECONDS = 60
"""For one answer."""
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


class Cluster:
    """Lists of objects, as JSON: a model for each of thousands of pods would take seconds."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    def items(self, path: str, **query: str) -> list[Object] | None:
        """None if the login may not read them; none at all if the cluster does not know the kind."""
        found = self.get(path, **query)
        return None if found is None else list(found.get("items", []))

    def get(self, path: str, **query: str) -> Object | None:
        """The object; an empty one if there is none, and None if the login may not read it."""
        request = self._api.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        response = self._api.call_api(*request, _request_timeout=_SECONDS)
        content = response.read()
        if response.status in (403, 404):
            return None if response.status == 403 else {}
        if response.status != 200:
            raise ApiException(status=response.status, reason=response.reason)
        found: Object = json.loads(content)
        return found

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
        on_a_node = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
        with ThreadPoolExecutor(_AT_ONCE) as threads:

            def ask(path: str, **query: str) -> Future[list[Object] | None]:
                return threads.submit(self.items, path, **query)

            # The largest answers first.
            workloads = ask(f"{of_team}/workloads") if queue else None
            scheduled = ask("/api/v1/pods", fieldSelector=on_a_node)
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


def condition(found: Object, type_: str) -> Object:
    """One of an object's conditions; an empty one if it has none of this type."""
    conditions = found.get("status", {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == type_), {})


def is_true(found: Object, type_: str) -> bool:
    return bool(condition(found, type_).get("status") == "True")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
