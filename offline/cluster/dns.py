"""CoreDNS on the node's address: the cluster's domain, and the machine's resolvers for the rest."""

import socket
from pathlib import Path

from common import paths
from common.daemons import Daemon
from offline import go_tools
from offline.cluster import certificates
from offline.cluster.addresses import API_PORT, DNS_DOMAIN, NODE_IP, POD_CIDR

HEALTH_PORT = 9054


def start() -> None:
    """Write the Corefile and start CoreDNS."""
    certificate, key = certificates.issue("coredns", "system:coredns")
    corefile = paths.CLUSTER / "Corefile"
    corefile.write_text(
        f"""\
.:53 {{
    bind {NODE_IP}
    errors
    ready 127.0.0.1:{HEALTH_PORT}
    kubernetes {DNS_DOMAIN} in-addr.arpa ip6.arpa {{
        endpoint https://127.0.0.1:{API_PORT}
        tls {certificate} {key} {certificates.CA}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }}
    {_upstream()}
    cache 5
    loop
}}
"""
    )
    command = [str(go_tools.KUBERNETES.program("coredns")), "-conf", str(corefile)]
    Daemon("coredns", command, _is_ready).start()


def _upstream() -> str:
    """A `forward` line, if the machine has resolvers other than this one."""
    resolvers = Path("/etc/resolv.conf")
    lines = resolvers.read_text().splitlines() if resolvers.exists() else []
    servers = [line.split()[1] for line in lines if line.startswith("nameserver ")]
    return (
        "forward . /etc/resolv.conf" if servers and NODE_IP not in servers else f"# no upstream resolver for {POD_CIDR}"
    )


def _is_ready() -> bool:
    with socket.create_connection(("127.0.0.1", HEALTH_PORT), timeout=1) as connection:
        connection.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
        return b" 200 " in connection.recv(64)
