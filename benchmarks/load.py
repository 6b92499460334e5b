"""HTTP clients that keep their connections and send one request after the other, as cheaply as Python can."""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from dataclasses import dataclass, field

_HEAD_END = b"\r\n\r\n"
_OK = b"HTTP/1.1 200 "
_LENGTH = b"content-length: "


@dataclass
class Latencies:
    """Of the requests of one measurement, in seconds."""

    elapsed: float
    each: list[float]
    cpu: float = 0
    """Of the server, in all."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.each) / self.elapsed

    @property
    def cpu_each(self) -> float:
        """Of the server, for a request: the least noisy measure on a machine that does other things, too."""
        return self.cpu / len(self.each)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.each, n=100)[98]


@dataclass
class _Client:
    connection: socket.socket
    began: float = 0
    received: bytearray = field(default_factory=bytearray)

    def send(self, request: bytes) -> None:
        self.began = time.perf_counter()
        self.connection.sendall(request)

    def has_response(self) -> bool:
        """Receives what there is; whether that completes the response."""
        self.received += self.connection.recv(65536)
        head, end, body = self.received.partition(_HEAD_END)
        if not end:
            return False
        if not head.startswith(_OK):
            raise SystemExit(f"the server answers {bytes(self.received).decode(errors='replace')}")
        length = head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0]
        if len(body) < int(length):
            return False
        self.received.clear()
        return True


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A whole HTTP request."""
    lines = [f"POST {path} HTTP/1.1", "Host: server", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + _HEAD_END + body


def send(port: int, request: bytes, clients: int, seconds: float) -> Latencies:
    """All clients, from one thread."""
    each: list[float] = []
    with selectors.DefaultSelector() as selector:
        for _ in range(clients):
            client = _Client(socket.create_connection(("127.0.0.1", port), timeout=60))
            client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(client.connection, selectors.EVENT_READ, client)
        begin = time.perf_counter()
        for key in selector.get_map().values():
            key.data.send(request)
        while (now := time.perf_counter()) - begin < seconds:
            for key, _ in selector.select(1):
                if key.data.has_response():
                    each.append(time.perf_counter() - key.data.began)
                    key.data.send(request)
        for key in list(selector.get_map().values()):
            key.data.connection.close()
    return Latencies(now - begin, each)
