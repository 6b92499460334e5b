"""Enforces NetworkPolicies with kube-router's firewall (as k3s does), as iptables rules on the node.

kube-router's other functions are off: the bridge routes, kube-proxy handles Services. The rules remain when it exits:
a restart opens nothing. It learns a pod's address up to a second after the pod starts; until then `network` drops
the pod's traffic, except to a known pod that no policy selects.

One deviation from Kubernetes: if a policy for both directions allows egress to pods that it also selects, kube-router
allows the ingress there too. Such pods are in one namespace, so that teams stay isolated from each other.
"""

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress

import requests

from common import daemons, paths, run
from common.daemons import Daemon
from common.errors import CommandError, tail
from offline import go_tools
from offline.cluster import certificates, kubeconfig, node
from offline.cluster.addresses import NODE_NAME, SERVICE_CIDR

NAME = "kube-router"
METRICS_PORT = 20241
SYNCED = "kube_router_controller_iptables_sync_time_count"
"""The metric that counts completed syncs of the rules."""

SETS = ("KUBE-SRC-", "KUBE-DST-")
"""Prefixes of its ipsets."""

REGISTRATION_TIMEOUT = 60
"""Seconds until the node must have registered its address, without which kube-router exits."""


def start() -> None:
    """Start it once the node has an address; on return, all current policies are enforced."""
    _wait_for_address()
    certificate, key = certificates.issue(NAME, f"system:{NAME}")
    identity = kubeconfig.write(paths.CLUSTER / f"{NAME}.kubeconfig", certificates.CA, certificate, key)
    command = [
        str(go_tools.KUBERNETES.program(NAME)),
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--enable-cni=false",
        f"--kubeconfig={identity}",
        f"--hostname-override={NODE_NAME}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        # kube-router allows pods to this port range of the node; kube-proxy translates node ports earlier.
        "--service-node-port-range=1-2",
        # would listen on all addresses
        "--health-port=0",
        "--metrics-addr=127.0.0.1",
        f"--metrics-port={METRICS_PORT}",
    ]
    Daemon(NAME, command, _has_synced).start()


def stop() -> None:
    """Stop the process; its rules remain."""
    daemons.stop(NAME)


def remove() -> None:
    """Remove its ipsets, once no rule refers to them."""
    commands = [f"destroy {name}\n" for name in sets_left()]
    if commands:
        run.output(["ipset", "restore"], stdin="".join(commands))


def sets_left() -> Sequence[str]:
    """Names of its ipsets that still exist."""
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
    raise CommandError(f"the node has not registered after {REGISTRATION_TIMEOUT} s", tail(log, 5), log=log)


def _has_synced() -> bool:
    answer = requests.get(f"http://127.0.0.1:{METRICS_PORT}/metrics", timeout=1)
    counts = [line.split()[1] for line in answer.text.splitlines() if line.startswith(SYNCED)]
    return any(float(count) > 0 for count in counts)
