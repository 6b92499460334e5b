"""All that happens to the gangs of some teams: every event of their Workloads and pods, in the order of the API server.

A watch leaves out nothing, where a list shows what is there when one asks. The versions of objects of all kinds are
revisions of one etcd, so they order the events of several watches.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event as Flag
from threading import Thread
from typing import Any

from kubernetes import client

KINDS = ("Workload", "Pod")
_KUEUE = ("kueue.x-k8s.io", "v1beta2", "workloads")
_SECONDS = 2
"""Of one watch; the next one goes on where it has ended."""


@dataclass(frozen=True)
class Event:
    version: int
    """Of the object then; of a deletion its own."""
    kind: str
    deleted: bool
    object: dict[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        metadata = self.object["metadata"]
        return self.kind, metadata["namespace"], metadata["name"]


@dataclass
class History:
    """Complete once all objects of these namespaces are deleted: then `remaining` is empty."""

    namespaces: Collection[str]
    _found: list[Event] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Why events may be missing."""

    @property
    def events(self) -> list[Event]:
        return sorted(self._found, key=lambda event: event.version)

    def remaining(self) -> set[tuple[str, str, str]]:
        """Objects whose deletion has not been seen."""
        last = {event.key: event for event in self.events}
        return {key for key, event in last.items() if not event.deleted}

    def add(self, kind: str, line: dict[str, Any]) -> int:
        """The version to go on from."""
        found = line["object"]
        version = int(found["metadata"]["resourceVersion"])
        if line["type"] != "BOOKMARK" and found["metadata"]["namespace"] in self.namespaces:
            self._found.append(Event(version, kind, line["type"] == "DELETED", found))
        return version


@contextmanager
def watched(api: client.ApiClient, namespaces: Collection[str]) -> Iterator[History]:
    """The history from here on, to the end of the block at least."""
    found, stopped = History(namespaces), Flag()
    pods = client.CoreV1Api(api).list_pod_for_all_namespaces
    workloads = partial(client.CustomObjectsApi(api).list_cluster_custom_object, *_KUEUE)
    starts = [(kind, call, _version(call)) for kind, call in zip(KINDS, (workloads, pods), strict=True)]
    threads = [Thread(target=_follow, args=(found, stopped, *start), daemon=True) for start in starts]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def _version(call: Callable[..., Any]) -> int:
    """Of the cluster now."""
    return int(json.loads(call(limit=1, _preload_content=False).data)["metadata"]["resourceVersion"])


def _follow(found: History, stopped: Flag, kind: str, call: Callable[..., Any], version: int) -> None:
    """Once more after the end, for what has happened shortly before."""
    last = False
    while not last:
        last = stopped.is_set()
        options = {"allow_watch_bookmarks": True, "timeout_seconds": _SECONDS, "_preload_content": False}
        answer = call(watch=True, resource_version=str(version), **options)
        for line in map(json.loads, _lines(answer)):
            if line["type"] == "ERROR":
                found.problems.append(f"{kind}: {line['object'].get('message')}")
                return
            version = found.add(kind, line)


def _lines(answer: Any) -> Iterator[bytes]:
    rest = b""
    for chunk in answer.stream(decode_content=False):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
