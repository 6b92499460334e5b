"""kube-router's firewall, which k3s ships as well: it turns NetworkPolicies into packet filter rules on the node.

Nothing else of kube-router runs: routes are the bridge's, services are kube-proxy's. Its rules outlive it, so that a
restart opens nothing. It hears of a pod's address up to a second after the pod's start; until then `network` forwards
nothing between pods of which none is known, nor out of the cluster, but a known pod that no policy closes is reached.

It differs from Kubernetes in one point: what a policy for both directions lets out to pods that it selects as well, it
lets in there. All these are in one namespace, so that no team is open to another by it.
"""

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress

import requests

from common import daemons, paths, run
from common.daemons import Daemon
from common.errors import WorkstationError, tail
from offline import go_tools
from offline.cluster import certificates, kubeconfig, node
from offline.cluster.addresses import NODE_NAME, SERVICE_CIDR

NAME = "kube-router"
METRICS_PORT = 20241
SYNCED = "kube_router_controller_iptables_sync_time_count"
"""The metric that counts how often the rules have been made to fit the policies."""

SETS = ("KUBE-SRC-", "KUBE-DST-")
"""Beginnings of the names of its sets of addresses, which its rules point at."""

REGISTRATION_TIMEOUT = 60
"""Seconds until the node must have told its address, without which kube-router ends itself."""


def start() -> None:
    """Start it as soon as the node has an address; on return all policies of that moment are enforced."""
    _wait_for_address()
    certificate, key = certificates.issue(NAME, f"system:{NAME}")
    identity = kubeconfig.write(paths.CLUSTER / f"{NAME}.kubeconfig", certificates.CA, certificate, key)
    command = [
        str(go_tools.KUBE_ROUTER.program(NAME)),
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--enable-cni=false",
        f"--kubeconfig={identity}",
        f"--hostname-override={NODE_NAME}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        # It lets pods reach this range of the node's own ports unasked; kube-proxy translates node ports before that.
        "--service-node-port-range=1-2",
        # would listen on every address
        "--health-port=0",
        "--metrics-addr=127.0.0.1",
        f"--metrics-port={METRICS_PORT}",
    ]
    Daemon(NAME, command, _has_synced).start()


def stop() -> None:
    """Stop the process; its rules stay."""
    daemons.stop(NAME)


def remove() -> None:
    """Take its sets away, once no rule points at them any more."""
    commands = [f"destroy {name}\n" for name in sets_left()]
    if commands:
        run.output(["ipset", "restore"], stdin="".join(commands))


def sets_left() -> Sequence[str]:
    """Names of its sets that the kernel still holds."""
    if not shutil.which("ipset"):
        return []
    return [name for name in run.output(["ipset", "list", "-name"]).split() if name.startswith(SETS)]


def _wait_for_address() -> None:
    deadline = time.monotonic() + REGISTRATION_TIMEOUT
    while time.monotonic() < deadline:
        with suppress(requests.RequestException):
            if node.status().get("addresses"):
                return
        time.sleep(0.1)
    log = paths.LOGS / "kubelet.log"
    raise WorkstationError(f"the node has not registered after {REGISTRATION_TIMEOUT} s", tail(log, 5), log=log)


def _has_synced() -> bool:
    answer = requests.get(f"http://127.0.0.1:{METRICS_PORT}/metrics", timeout=1)
    counts = [line.split()[1] for line in answer.text.splitlines() if line.startswith(SYNCED)]
    return any(float(count) > 0 for count in counts)
