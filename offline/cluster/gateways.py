"""TCP forwards: from the node's address to ports that listen on loopback only, so that pods can reach them, and from
loopback to the platform's gateway."""

import socket

from common import daemons, paths
from common.daemons import Daemon
from offline.cluster.addresses import API_PORT, NODE_IP

API = "api-gateway"
_LOOPBACK, _ENTRANCE = "loopback-gateway", "entrance"


def to_api() -> Daemon:
    """A forward to the API server."""
    return _gateway(API, API_PORT)


def to_loopback(port: int) -> Daemon:
    """A forward to a server on this machine, such as a registry's metrics; the server may start later."""
    return _gateway(f"{_LOOPBACK}-{port}", port)


def from_loopback(port: int, service: str) -> Daemon:
    """A forward the other way: from this machine to a Service's address and port, which may start later."""
    listen = f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork"
    command = ["socat", listen, f"TCP:{service}"]
    return Daemon(f"{_ENTRANCE}-{port}", command, lambda: _listens(port))


def to_others() -> list[Daemon]:
    """The forwards of `to_loopback` that have been started."""
    names = [file.stem for file in paths.PIDS.glob(f"{_LOOPBACK}-*.pid")]
    return [_gateway(name, int(name.rpartition("-")[2])) for name in names]


def entrances() -> set[int]:
    """Ports of `from_loopback`."""
    return {int(file.stem.rpartition("-")[2]) for file in paths.PIDS.glob(f"{_ENTRANCE}-*.pid")}


def stop() -> None:
    """Stop all forwards."""
    daemons.stop(
        API, *(gateway.name for gateway in to_others()), *(f"{_ENTRANCE}-{port}" for port in sorted(entrances()))
    )


def _gateway(name: str, port: int) -> Daemon:
    listen = f"TCP-LISTEN:{port},bind={NODE_IP},reuseaddr,fork"
    return Daemon(name, ["socat", listen, f"TCP:127.0.0.1:{port}"], lambda: _connects(port))


def _connects(port: int) -> bool:
    with socket.create_connection((NODE_IP, port), timeout=1):
        return True


def _listens(port: int) -> bool:
    """Without a connection, which the gateway would have to answer."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
