"""Runs that Kueue has decided about: each has quota, or waits for it.

The simulation does what Kueue's controllers of Jobs do: a run that Kueue stops gives its quota back and waits again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from cli.capacity.demand import Runs
from cli.capacity.simulation.api import Api
from cli.capacity.simulation.manifests import workload
from cli.objects import Object, condition, is_true
from cli.waiting.cluster import KUEUE
from common.errors import CommandError
from infra.declaration.model import Platform
from infra.queues.quotas import cluster_queue
from offline.machine import ControlPlane

_TIMEOUT = 120
"""Seconds in which Kueue must decide about one more run."""
_STALE = 10
"""Seconds without a change after which Kueue is made to try again: its metrics may be older than its last decision."""
_POLL = 0.05
_MOST = 20
"""How often a run is stopped for others before that counts as endless."""
_RETRIES = 2
"""How often it tries refused runs again before they count as refused: it counts a try before it has written its end."""


@dataclass(frozen=True)
class Counted:
    """By Kueue's metrics."""

    trying: int
    """Runs that it has not decided about."""
    refused: int
    """Runs that wait until something changes."""
    reserved: int
    """How often quota was given to a run."""
    stopped: int
    """How often a run was stopped for another one."""
    attempts: int
    """How often it has looked at the first runs of the queues."""


def counted(metrics: str) -> Counted:
    """https://kueue.sigs.k8s.io/docs/reference/metrics/"""
    return Counted(
        _sum(metrics, "kueue_pending_workloads", 'status="active"'),
        _sum(metrics, "kueue_pending_workloads", 'status="inadmissible"'),
        _sum(metrics, "kueue_quota_reserved_workloads_total"),
        _sum(metrics, "kueue_evicted_workloads_total"),
        _sum(metrics, "kueue_admission_attempts_total"),
    )


def _sum(metrics: str, name: str, label: str = "") -> int:
    lines = (line for line in metrics.splitlines() if line.startswith(f"{name}{{") and label in line)
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


class Admission:
    """Of the runs of all teams with a queue; a run is known by its name."""

    def __init__(self, plane: ControlPlane, api: Api, platform: Platform, teams: Sequence[str]) -> None:
        self._plane, self._api, self._platform, self._teams = plane, api, platform, teams
        self._there: dict[str, str] = {}
        """The teams of the runs."""
        self._stopped = self._given_back = self._touched = 0
        self._since: dict[str, str] = {}
        """Runs that have quota for sure; `admitted` finds those that have got some meanwhile."""
        self._times = Counter[str]()
        """How often each run was stopped."""
        self._last = ""
        """The second in which the last runs were submitted."""

    def submit(self, runs: Runs, names: Sequence[str]) -> None:
        """After all that are there: Kueue compares whole seconds. A name is never used again."""
        while (now := _second()) == self._last:
            time.sleep(_POLL)
        path = f"{KUEUE}/namespaces/{runs.team}/workloads"
        self._api.at_once(lambda name: self._api.create(path, workload(self._platform, runs, name)), names)
        self._there |= dict.fromkeys(names, runs.team)
        self._last = max(now, _second())

    def withdraw(self, names: Iterable[str]) -> None:
        """Those of the runs that are there."""
        gone = [name for name in names if name in self._there]
        self._api.at_once(self._delete, gone)
        for name in gone:
            del self._there[name]
            self._given_back += self._since.pop(name, None) is not None

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is submitted in the block waits until its end."""
        self._set("Hold")
        self._until_held()
        yield
        # A held queue refuses everything.
        self._until(lambda now: now.refused == len(self._there))
        with self._plane.paused_queues():
            self._set("None")

    def _set(self, policy: str) -> None:
        for team in self._teams:
            queue = f"{KUEUE}/clusterqueues/{cluster_queue(self._platform.namespace, team)}"
            self._api.merge(queue, {"spec": {"stopPolicy": policy}})

    def _until_held(self) -> None:
        deadline = time.monotonic() + _TIMEOUT
        while not all(condition(each, "Active").get("status") == "False" for each in self._queues()):
            self._api.require_running()
            if time.monotonic() > deadline:
                raise CommandError("the simulation's Kueue does not hold its queues")
            time.sleep(_POLL)

    def settle(self) -> list[str]:
        """Until Kueue has decided about all; the runs that it has stopped meanwhile, in order."""
        stopped, last = self._decided()
        in_vain = 0
        while last.refused and in_vain < _RETRIES:
            # It tries these again a second after quota gets free, or after a queue changes.
            # What it tries may be over before this process has its turn again.
            attempts = counted(self._plane.queue_metrics()).attempts
            self._touch()
            again, now = self._decided(attempts)
            stopped += again
            unchanged = not again and (now.refused, now.reserved) == (last.refused, last.reserved)
            in_vain, last = in_vain + 1 if unchanged else 0, now
        return stopped

    def admitted(self) -> Mapping[str, str]:
        """When the runs with quota have got it, after Kueue has decided."""
        self._since = {
            str(each["metadata"]["name"]): str(condition(each, "QuotaReserved")["lastTransitionTime"])
            for each in (self.workloads() if self._there else ())
            if is_true(each, "QuotaReserved")
        }
        return self._since

    def stops(self, runs: Runs, names: Sequence[str]) -> list[str]:
        """Submit one of the runs that have quota once more, behind all others: which are stopped for it."""
        name = next((name for name in names if name in self._since), None)
        if name is None:
            return []
        self.withdraw([name])
        self.settle()
        self.submit(runs, [f"{name}-again"])
        return self.settle()

    def _decided(self, attempts: int = -1) -> tuple[list[str], Counted]:
        """When nothing is left to try, and it has looked at what it refuses more often than that."""
        stopped: list[str] = []

        def is_decided(now: Counted) -> bool:
            if now.stopped > self._stopped:
                stopped.extend(self._put_back())
                return False
            known = now.reserved - self._given_back + now.refused == len(self._there)
            return known and not now.trying and (now.attempts > attempts or not now.refused)

        return stopped, self._until(is_decided)

    def _until(self, reached: Callable[[Counted], bool]) -> Counted:
        seen, changed, touched = None, time.monotonic(), time.monotonic()
        while True:
            began, now = time.monotonic(), counted(self._plane.queue_metrics())
            if reached(now):
                return now
            if (state := replace(now, attempts=0)) != seen:
                seen, changed, touched = state, began, began
            elif began - touched > _STALE:
                self._touch()
                touched = began
            self._api.require_running()
            if began - changed > _TIMEOUT:
                raise CommandError(f"the simulation's Kueue does not decide about {len(self._there)} runs", str(now))
            time.sleep(max(_POLL, time.monotonic() - began))

    def _touch(self) -> None:
        """Change a queue in a way that changes nothing: no namespace has such a label."""
        self._touched += 1
        absent = {"key": f"plan/absent-{self._touched}", "operator": "DoesNotExist"}
        queue = f"{KUEUE}/clusterqueues/{cluster_queue(self._platform.namespace, self._teams[0])}"
        self._api.merge(queue, {"spec": {"namespaceSelector": {"matchExpressions": [absent]}}})

    def workloads(self) -> list[Object]:
        return self._api.items(f"{KUEUE}/workloads")

    def local_queue(self, team: str) -> Object:
        """The one of a team."""
        return {"metadata": {"name": team}, "spec": {"clusterQueue": cluster_queue(self._platform.namespace, team)}}

    def queues(self) -> list[Object]:
        """The ClusterQueues of all teams, when they count all runs that have quota: Kueue updates them later."""
        deadline = time.monotonic() + _TIMEOUT
        while time.monotonic() < deadline:
            found = self._queues()
            if sum(int(each.get("status", {}).get("reservingWorkloads", 0)) for each in found) == len(self._since):
                return found
            time.sleep(_POLL)
        raise CommandError("the simulation's Kueue does not count its runs")

    def _queues(self) -> list[Object]:
        return self._api.items(f"{KUEUE}/clusterqueues")

    def flavors(self) -> list[Object]:
        return self._api.items(f"{KUEUE}/resourceflavors")

    def _put_back(self) -> list[str]:
        found = [each for each in self.workloads() if is_true(each, "Evicted") and is_true(each, "QuotaReserved")]
        names = [str(each["metadata"]["name"]) for each in found]
        self._times.update(names)
        if too_often := [name for name in names if self._times[name] > _MOST]:
            raise CommandError("runs stop each other without an end in the simulation", ", ".join(too_often[:3]))
        self._stopped += len(found)
        self._given_back += len(found)
        for name in names:
            self._since.pop(name, None)
        self._api.at_once(lambda each: self._api.merge(*self._waiting_again(each)), found)
        return names

    def _waiting_again(self, found: Object) -> tuple[str, Mapping[str, Any]]:
        return f"{self._path(str(found['metadata']['name']))}/status", {"status": _waits_again(found)}

    def _delete(self, name: str) -> None:
        """Kueue keeps its finalizer until the job is gone, and there is none."""
        self._api.merge(self._path(name), {"metadata": {"finalizers": None}})
        self._api.delete(self._path(name))

    def _path(self, name: str) -> str:
        return f"{KUEUE}/namespaces/{self._there[name]}/workloads/{name}"


def _waits_again(found: Object) -> Mapping[str, Any]:
    now = _second()
    changes = {
        "QuotaReserved": ("False", "Pending"),
        "Admitted": ("False", "NoReservation"),
        "Requeued": ("True", "Preempted"),
    }
    kept = [each for each in found["status"]["conditions"] if each["type"] not in changes]
    new = [
        {"type": type_, "status": status, "reason": reason, "message": "stopped", "lastTransitionTime": now}
        for type_, (status, reason) in changes.items()
    ]
    return {"admission": None, "conditions": [*kept, *new]}


def _second() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
