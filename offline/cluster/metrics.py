"""metrics-server, for `kubectl top` and autoscalers."""

import requests

from common import paths
from common.daemons import Daemon
from offline import go_tools
from offline.cluster import certificates, kubeconfig
from offline.cluster.addresses import NODE_IP

PORT = 10251


def start() -> None:
    """Start metrics-server on the node's address, for the API aggregator."""
    certificate, key = certificates.issue("metrics-server", "system:metrics-server", [], [NODE_IP])
    identity = kubeconfig.write(paths.CLUSTER / "metrics-server.kubeconfig", certificates.CA, certificate, key)
    command = [
        str(go_tools.KUBERNETES.program("metrics-server")),
        f"--bind-address={NODE_IP}",
        f"--secure-port={PORT}",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        f"--kubeconfig={identity}",
        f"--authentication-kubeconfig={identity}",
        f"--authorization-kubeconfig={identity}",
        f"--kubelet-certificate-authority={certificates.CA}",
        "--kubelet-preferred-address-types=InternalIP",
        "--metric-resolution=15s",
        # simulated nodes have no kubelet
        "--node-selector=type!=kwok",
    ]
    Daemon("metrics-server", command, _is_live).start()


def _is_live() -> bool:
    try:
        return requests.get(f"https://{NODE_IP}:{PORT}/livez", verify=str(certificates.CA), timeout=1).ok
    except requests.RequestException:
        return False
