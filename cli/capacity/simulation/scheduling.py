"""Pods that the scheduler has decided about: each has a node, or none has room for it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence

from cli.capacity.simulation.api import Api, Refused
from cli.capacity.simulation.manifests import COUNTED, QUOTA, UNSCHEDULED
from cli.objects import Object, condition
from cli.waiting.amounts import of_pod, plain, total
from cli.waiting.quota import ZERO
from common.errors import CommandError

_TIMEOUT = 120
"""Seconds in which the scheduler must decide about one more pod."""
_POLL = 0.05


class Pods:
    """Of all namespaces. `limited` are those with a ResourceQuota."""

    def __init__(self, api: Api, limited: Collection[str] = ()) -> None:
        self._api, self._limited = api, limited

    def create(self, pods: Sequence[Object]) -> dict[str, str]:
        """One after the other: the scheduler takes them in this order. Those that a quota refuses, and why."""
        refused = {}
        for pod in pods:
            try:
                self._api.create(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods", pod)
            except Refused as why:
                refused[str(pod["metadata"]["name"])] = str(why)
        return refused

    def delete(self, pods: Iterable[Object]) -> None:
        gone = list(pods)
        self._api.at_once(lambda pod: self._api.delete(_path(pod)), gone)
        for team in sorted({pod["metadata"]["namespace"] for pod in gone} & {*self._limited}):
            self._count(team)

    def _count(self, team: str) -> None:
        """The API server adds to what is used of a quota, and a controller, of which there is none, takes from it."""
        path = f"/api/v1/namespaces/{team}"
        used = total(of_pod(pod["spec"]) for pod in self._api.items(f"{path}/pods"))
        written = {resource: plain(used.get(name, ZERO)) for name, resource in COUNTED.items()}
        self._api.merge(f"{path}/resourcequotas/{QUOTA}/status", {"status": {"used": written}})

    def settle(self) -> None:
        """Until the scheduler has decided about all."""
        left, changed = -1, time.monotonic()
        while True:
            began = time.monotonic()
            undecided = sum(map(_is_undecided, self.without_a_node()))
            if not undecided:
                return
            if undecided != left:
                left, changed = undecided, time.monotonic()
            self._api.require_running()
            if time.monotonic() - changed > _TIMEOUT:
                raise CommandError(f"the simulation's scheduler does not decide about {undecided} pods")
            time.sleep(max(_POLL, time.monotonic() - began))

    def without_a_node(self, **query: str) -> list[Object]:
        """Of those that the scheduler cares for."""
        return self._api.items(
            "/api/v1/pods", fieldSelector=f"spec.nodeName=,spec.schedulerName!={UNSCHEDULED}", **query
        )

    def elsewhere(self, **query: str) -> list[Object]:
        """Those that name no pool."""
        return self._api.items("/api/v1/pods", fieldSelector=f"spec.schedulerName={UNSCHEDULED}", **query)

    def on_nodes(self, **query: str) -> list[Object]:
        return self._api.items("/api/v1/pods", fieldSelector="spec.nodeName!=", **query)


def _is_undecided(pod: Object) -> bool:
    """Also one for which others are being stopped. One without room is tried again only when another is made of it."""
    return condition(pod, "PodScheduled").get("status") != "False" or "nominatedNodeName" in pod["status"]


def _path(pod: Object) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
