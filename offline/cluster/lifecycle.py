"""Start, stop and state of the whole local cluster."""

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import requests

from common import daemons, paths
from common.console import Report
from common.errors import CommandError, tail
from offline.cluster import (
    containers,
    control_plane,
    dns,
    gateways,
    metrics,
    network,
    network_policies,
    node,
    system,
    volumes,
)

NODE_TIMEOUT = 90
"""Seconds until the real node must be Ready."""


DAEMONS = (
    *control_plane.DAEMONS,
    *("containerd", "kubelet", gateways.API, "kube-proxy", "kube-router", "coredns", "metrics-server", "volumes"),
)


def start(report: Report) -> None:
    """Start what is not running, and wait until the node is Ready."""
    paths.CLUSTER.mkdir(parents=True, exist_ok=True, mode=0o700)
    report("network")
    network.create()
    report("control plane and containerd")
    with ThreadPoolExecutor() as pool:
        for result in [pool.submit(control_plane.start), pool.submit(containers.start)]:
            result.result()
    report("node, network policies, DNS, metrics, volumes")
    system.apply()
    parts = (node.start, network_policies.start, dns.start, metrics.start, volumes.start)
    with ThreadPoolExecutor() as pool:
        for result in [pool.submit(part) for part in parts]:
            result.result()
    report("waiting for the node to be Ready")
    _wait_for_node()
    for name in DAEMONS:  # not all that crashed: what others started may be gone since the machine was restarted
        if not daemons.is_running(name):
            raise CommandError(f"{name} exited while starting", tail(log_of(name)), log=log_of(name))


def stop() -> None:
    """Stop every process of the cluster; its data is kept."""
    node.stop()
    network_policies.stop()
    daemons.stop("volumes", "metrics-server", "coredns")
    control_plane.stop()


def remove() -> None:
    """Remove everything that the cluster created on this machine."""
    node.remove()
    network.remove()
    network_policies.remove()
    shutil.rmtree(paths.CLUSTER, ignore_errors=True)


def crashed() -> Sequence[str]:
    """Components that exited without having been stopped."""
    return daemons.crashed()


def log_of(name: str) -> Path:
    """The log file of a component."""
    return paths.LOGS / f"{name}.log"


def is_running() -> bool:
    """Whether the API is ready and every daemon is running."""
    return control_plane.is_ready() and all(daemons.is_running(name) for name in DAEMONS)


def _wait_for_node() -> None:
    deadline = time.monotonic() + NODE_TIMEOUT
    reason = "the node has not registered"
    while time.monotonic() < deadline:
        with suppress(requests.RequestException):
            reason = _not_ready_reason()
        if not reason:
            return
        time.sleep(0.2)
    log = paths.LOGS / "kubelet.log"
    raise CommandError(f"the node is not Ready after {NODE_TIMEOUT} s", f"{reason}\n{tail(log, 5)}", log=log)


def _not_ready_reason() -> str:
    """Why the real node is not Ready; empty if it is."""
    status = node.status()
    if not status:
        return "the node has not registered"
    conditions = status.get("conditions", [])
    ready = next((c for c in conditions if c["type"] == "Ready"), {"status": "Unknown", "message": "no condition yet"})
    return "" if ready["status"] == "True" else str(ready.get("message") or "not ready")
