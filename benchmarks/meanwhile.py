"""What is measured while something else runs: the memory of the cluster's parts, and how long `make status` takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

import psutil
from kubernetes import client

from cli import status
from cli.nodes import nodes
from cli.objects import Objects
from cli.waiting.cluster import JOB, Cluster, Pools
from cli.waiting.explain import explain
from common import paths
from common.daemons import process_of
from offline.cluster import control_plane

_MIB = 2**20
_CONTROLLERS = ("kueue", "jobset")
"""In containers, by the names of their programs."""
SLOW = 2
"""Seconds."""
DECLARED = 20
"""Runs that `make status` shows of a stack."""


@contextmanager
def repeated(call: Callable[[], object], pause: float, done: Event) -> Iterator[None]:
    """In a thread until the end of the block or `done`."""

    def run() -> None:
        while not done.is_set():
            call()
            done.wait(pause)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _processes() -> dict[str, psutil.Process]:
    """Of the control plane, of the simulation, and of the controllers."""
    found = {name: process for name in control_plane.DAEMONS if (process := process_of(paths.PIDS / f"{name}.pid"))}
    for process in psutil.process_iter(["name"]):
        if process.info["name"] in _CONTROLLERS:
            found[process.info["name"]] = process
    return found


@dataclass
class Memory:
    """Resident memory and CPU time of each part."""

    before: dict[str, int] = field(default_factory=dict)
    peak: dict[str, int] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    def sample(self) -> None:
        for name, process in _processes().items():
            with suppress(psutil.NoSuchProcess):
                size, times = process.memory_info().rss, process.cpu_times()
                self.before.setdefault(name, size)
                self.started.setdefault(name, times.user + times.system)
                self.peak[name] = max(self.peak.get(name, 0), size)
                self.cpu[name] = times.user + times.system

    def report(self) -> None:
        print(f"{'':<26}{'before':>9}{'peak':>9}{'CPU':>9}")
        for name, peak in self.peak.items():
            used = self.cpu[name] - self.started[name]
            print(f"{name:<26}{self.before[name] / _MIB:5.0f} MiB{peak / _MIB:5.0f} MiB{used:7.0f} s")


@dataclass
class StatusCommands:
    """The queries of `make status` and of `make status JOB=name`, without the start of a program."""

    api: client.ApiClient
    team: str
    job: str
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def run(self) -> None:
        self._timed("make status", self._overview)
        self._timed("make status JOB=name", self._explanation)

    def report(self, when: str) -> None:
        for name, seconds in self.seconds.items():
            late = sum(each > SLOW for each in seconds)
            times = f"p50 {statistics.median(seconds):.2f} s, max {max(seconds):.2f} s, {late} over {SLOW} s"
            print(f"{name} {when}: {times}, of {len(seconds)}", flush=True)
        self.seconds.clear()

    def _timed(self, name: str, call: Callable[[], object]) -> None:
        began = time.monotonic()
        call()
        self.seconds.setdefault(name, []).append(time.monotonic() - began)

    def _overview(self) -> None:
        nodes(Objects(self.api))
        for number in range(DECLARED):
            output = {"namespace": self.team, "job": f"job-{number}", "model": "", "simulated": True}
            status.job(self.api, f"job-{number}", output)

    def _explanation(self) -> None:
        cluster = Cluster(self.api)
        run = cluster.run(JOB, self.team, self.job)
        assert run is not None
        explain(cluster.facts(JOB, run, Pools()))
