"""TCP forwards: from the node's address to ports that listen on loopback only, so that pods can reach them, and from
loopback to the platform's gateway."""

import socket

from common import daemons, paths
from common.daemons import Daemon
from offline.cluster.addresses import API_PORT, NODE_IP

API = "api-gateway"
_LOOPBACK, _ENTRANCE = "loopback-gateway", "entrance"
_OPTIONS = "reuseaddr,fork,nodelay"
"""Without `nodelay` a request that is sent in two parts, such as headers and body, takes 40 ms longer: the second one
waits until the first is acknowledged."""


def to_api() -> Daemon:
    """A forward to the API server."""
    return _gateway(API, API_PORT)


def to_loopback(port: int) -> Daemon:
    """A forward to a server on this machine, such as a registry's metrics; the server may start later."""
    return _gateway(f"{_LOOPBACK}-{port}", port)


def from_loopback(port: int, service: str) -> None:
    """A forward the other way: from this machine to a Service's address and port, which may start later. It takes the
    place of another one from the same port."""
    listen = f"TCP-LISTEN:{port},bind=127.0.0.1,{_OPTIONS}"
    command = ["socat", listen, f"TCP:{service},nodelay"]
    daemon = Daemon(f"{_ENTRANCE}-{port}-{service.replace(':', '-')}", command, lambda: _listens(port))
    daemons.stop(*(name for name in _entrances(port) if name != daemon.name))
    daemon.start()


def to_others() -> list[Daemon]:
    """The forwards of `to_loopback` that have been started."""
    names = [file.stem for file in paths.PIDS.glob(f"{_LOOPBACK}-*.pid")]
    return [_gateway(name, int(name.rpartition("-")[2])) for name in names]


def entrances(address: str) -> set[int]:
    """Ports that lead to a Service with this address."""
    return {int(name.split("-")[1]) for name in _entrances() if name.split("-")[2] == address}


def _entrances(port: int | str = "*") -> list[str]:
    return [file.stem for file in paths.PIDS.glob(f"{_ENTRANCE}-{port}-*.pid")]


def stop() -> None:
    """Stop all forwards."""
    daemons.stop(API, *(gateway.name for gateway in to_others()), *_entrances())


def _gateway(name: str, port: int) -> Daemon:
    listen = f"TCP-LISTEN:{port},bind={NODE_IP},{_OPTIONS}"
    return Daemon(name, ["socat", listen, f"TCP:127.0.0.1:{port},nodelay"], lambda: _connects(port))


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
