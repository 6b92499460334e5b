"""Requests that a server must survive, and a client that sends them without building their bodies."""

import json
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from tests.engine.images.engine import Engine
from tests.engine.images.services import MODEL, TRACKING_URI, mounted

KEY = "key-of-the-hostile-requests"
INFER = f"/v2/models/{MODEL}/infer"
MEBIBYTE = 2**20
LIMIT = 4 * MEBIBYTE
"""`maxRequestSize` of an endpoint that declares none."""
PORT = 8080
_PIECE = memoryview(b"0," * 2**15)
_PATIENCE = 60.0
"""More than any timeout of the server."""

Address = tuple[str, int]


@dataclass(frozen=True)
class Hostile:
    """What is sent: `start` at once, then `rest` until the server answers, `pause` seconds apart."""

    name: str
    start: bytes
    rest: Callable[[], Iterable[bytes | memoryview]] = tuple
    pause: float = 0
    reads: bool = True
    disconnects: bool = False


@dataclass(frozen=True)
class Outcome:
    """`status` is None if the server closed the connection without a response, or the client did."""

    name: str
    status: int | None
    sent: int
    seconds: float
    closed: bool
    text: bytes


def serve_as_pod(engine: Engine, credentials: Path, keys: Path, **environment: str) -> Container:
    """The server with the limits of a pod that declares no resources: 512 MiB, no swap, one core."""
    return engine.start(
        "serving",
        environment={
            "MLFLOW_TRACKING_URI": TRACKING_URI,
            "MODEL_NAME": MODEL,
            "MODEL_URI": f"models:/{MODEL}@champion",
            "API_KEYS_FILE": "/var/run/secrets/keys/keys",
            **environment,
        },
        volumes={**mounted(credentials, "/home/nonroot/.mlflow"), **mounted(keys, "/var/run/secrets/keys")},
        ports={f"{PORT}/tcp": ("127.0.0.1", 0)},
        mem_limit="512m",
        memswap_limit="512m",
        nano_cpus=10**9,
    )


def direct(engine: Engine, container: Container) -> Address:
    """Without Docker's proxy, which would receive the bodies itself."""
    container.reload()
    return container.attrs["NetworkSettings"]["Networks"][engine.name]["IPAddress"], PORT


def memory_peak(container: Container) -> int:
    """Bytes, page cache included: as the kernel counts them against the limit (cgroup v1; 0 with v2)."""
    statistics: Any = container.stats(stream=False)
    return int(statistics["memory_stats"].get("max_usage", 0))


def send(address: Address, hostile: Hostile) -> Outcome:
    """Sends until the server answers or closes, then reads its response until it closes or keeps the connection."""
    begin, sent = time.monotonic(), 0
    with socket.create_connection(address, timeout=_PATIENCE) as connection:
        if not hostile.reads:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            for part in chain([hostile.start], hostile.rest()):
                sent += _send_part(connection, part)
                if _readable(connection, hostile.pause):
                    break
        except OSError:
            pass  # The response may still be there to read.
        text, closed = b"", False
        if not hostile.disconnects:
            text, closed = _response(connection, hostile)
    status = int(text.split(b" ", 2)[1]) if text.startswith(b"HTTP/1.1 ") else None
    return Outcome(hostile.name, status, sent, time.monotonic() - begin, closed, text)


def _send_part(connection: socket.socket, part: bytes | memoryview) -> int:
    """Stops where the server answers instead of reading on."""
    view = memoryview(part)
    connection.setblocking(False)
    sent = 0
    deadline = time.monotonic() + _PATIENCE
    while sent < len(view) and time.monotonic() < deadline:
        readable, writable, _ = select.select([connection], [connection], [], 1)
        if readable and not writable:
            break
        if writable:
            sent += connection.send(view[sent : sent + MEBIBYTE])
    return sent


def _readable(connection: socket.socket, seconds: float) -> bool:
    return bool(select.select([connection], [], [], seconds)[0])


def _response(connection: socket.socket, hostile: Hostile) -> tuple[bytes, bool]:
    """The first bytes that arrive, and whether the connection is closed then."""
    if not hostile.reads:
        return b"", _is_closed_within(_PATIENCE, connection)
    connection.settimeout(_PATIENCE)
    text = b""
    try:
        while piece := connection.recv(65536):
            text = (text + piece)[:65536]
            if b"\r\n\r\n" in text and b"connection: close" not in text.partition(b"\r\n\r\n")[0]:
                return text, False
    except ConnectionError:
        pass
    except TimeoutError:
        return text, False
    return text, True


def _is_closed_within(seconds: float, connection: socket.socket) -> bool:
    """A client that reads nothing learns it from the answer to what it sends."""
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            connection.send(b" ")
            time.sleep(0.5)
    except OSError:
        return True
    return False


def head(path: str = INFER, key: str | None = None, method: str = "POST", **headers: object) -> bytes:
    """A request's line and headers."""
    lines = [f"{method} {path} HTTP/1.1", "Host: server", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {key}"] if key else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def zeros(size: int) -> Iterator[memoryview]:
    """`size` bytes of a JSON array."""
    for _ in range(size // len(_PIECE)):
        yield _PIECE
    yield _PIECE[: size % len(_PIECE)]


def chunked(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Without the last chunk."""
    for piece in pieces:
        yield b"%x\r\n" % len(piece)
        yield piece
        yield b"\r\n"


def with_body(name: str, key: str | None, body: bytes) -> Hostile:
    return Hostile(name, head(key=key, Content_Length=len(body)), lambda: [body])


def tensor(data: bytes, shape: bytes = b"[1, 64]", more: bytes = b"") -> bytes:
    fields = b'{"name": "image", "datatype": "FP32", "shape": %s, "data": %s}' % (shape, data)
    return b'{"inputs": [%s]%s}' % (fields, more)


def good_body(images: int = 1) -> bytes:
    data = [[0] * 64] * images
    return json.dumps({"inputs": [{"name": "image", "datatype": "FP32", "shape": [images, 64], "data": data}]}).encode()


def largest_body() -> bytes:
    """A valid one whose response is larger than what the kernel buffers."""
    images = 32_000
    return tensor(b"[%s0]" % (b"0," * (64 * images - 1)), b"[%d, 64]" % images)


def filled(begin: bytes, element: bytes, end: bytes) -> bytes:
    """As many elements as fit into the largest request."""
    return begin + element * ((LIMIT - 1024) // len(element)) + end


def sizes(key: str | None) -> list[Hostile]:
    announced = [1, 2**10, 2**16, MEBIBYTE, LIMIT, LIMIT + 1, 100 * MEBIBYTE, 10**9]
    whole = [Hostile(f"{size} bytes", head(key=key, Content_Length=size), partial(zeros, size)) for size in announced]
    endless = Hostile("1 GB in chunks", head(key=key, Transfer_Encoding="chunked"), lambda: chunked(zeros(10**9)))
    expecting = Hostile("1 GB, expecting 100", head(key=key, Content_Length=10**9, Expect="100-continue"))
    return [*whole, endless, expecting]


def inflating(key: str | None) -> list[Hostile]:
    """Small as text, large as objects."""
    bodies = {
        "the largest batch": largest_body(),
        "zeros": tensor(filled(b"[", b"0,", b"0]")),
        "empty lists": tensor(filled(b"[", b"[],", b"[]]")),
        "lists of one": tensor(filled(b"[", b"[0],", b"[0]]")),
        "lists of other lists": tensor(filled(b"[", b"[[]],", b"[[]]]")),
        "strings": tensor(filled(b"[", b'"ab",', b'""]')),
        "nested": tensor(filled(b"", b"[", b"")),
        "nested objects": filled(b"", b'{"inputs":', b""),
        "a long number": tensor(filled(b"[", b"9", b"]")),
        "a long exponent": tensor(filled(b"[1e", b"9", b"]")),
        "inputs without fields": filled(b'{"inputs": [', b"{},", b"{}]}"),
        "outputs of one name": tensor(
            b"[%s0]" % (b"0," * 63), more=filled(b', "outputs": [', b'{"name":"label"},', b'{"name":"label"}]')
        ),
        "many parameters": tensor(b"[0]", more=filled(b', "parameters": [', b'{"a":[1]},', b"{}]")),
        "a long name": filled(b'{"inputs": [{"name": "', b"n", b'", "datatype": "FP32", "shape": [], "data": []}]}'),
        "a long shape": tensor(b"[0]", filled(b"[", b"1,", b"1]")),
        "large sizes": tensor(b"[0]", b"[%s, 64]" % (b"9" * 5000)),
        "numbers that overflow": tensor(b"[%s3e38]" % (b"3e38," * 63)),
        "not UTF-8": b'{"inputs": "\xff\xfe"}',
        "UTF-16": '{"inputs": []}'.encode("utf-16"),
        "truncated": good_body()[:-3],
        "nothing": b"",
    }
    return [with_body(name, key, body) for name, body in bodies.items()]


def malformed(key: str | None) -> list[Hostile]:
    body, length = good_body(), len(good_body())
    many = {f"X-{number}": "v" for number in range(10_000)}
    ask = head("/v2", key, "GET")
    starts = {
        "no HTTP": b"\x00\x01\x02\xff" * 64,
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(512),
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "many headers": head(key=key, **many),
        "a long header": head(key=key, X="v" * MEBIBYTE),
        "a long path": head(f"/v2/models/{'m' * MEBIBYTE}", key),
        "two lengths": head(key=key, Content_Length=length).replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n")
        + body,
        "length and chunks": head(key=key, Content_Length=length, Transfer_Encoding="chunked") + body,
        "a negative length": head(key=key, Content_Length=-1),
        "a huge length": head(key=key, Content_Length="9" * 19),
        "a length that is none": head(key=key, Content_Length="ten"),
        "more than its length": head(key=key, Content_Length=length) + body + b"x" * 1000,
        "a chunk of no size": head(key=key, Transfer_Encoding="chunked") + b"zz\r\n",
        "a huge chunk": head(key=key, Transfer_Encoding="chunked") + b"f" * 16 + b"\r\n",
        "chunks of one byte": head(key=key, Transfer_Encoding="chunked") + b"1\r\n0\r\n" * 50_000 + b"0\r\n\r\n",
        "a long extension of a chunk": head(key=key, Transfer_Encoding="chunked") + b"1;" + b"e" * MEBIBYTE,
        "a long trailer": head(key=key, Transfer_Encoding="chunked") + b"0\r\nX: " + b"v" * MEBIBYTE,
        "many trailers": head(key=key, Transfer_Encoding="chunked") + b"0\r\n" + b"X: v\r\n" * 200_000,
        "pipelined": ask * 1000,
        "pipelined inference": (head(key=key, Content_Length=length) + body) * 200,
        "websocket": head(key=key, method="GET", Connection="upgrade", Upgrade="websocket"),
        "compressed": head(key=key, Content_Length=4, Content_Encoding="gzip") + b"\x1f\x8b\x08\x00",
        "another method": head(key=key, method="PATCH", Content_Length=length) + body,
        "JSON without a size": head(key=key, Content_Length=length, Inference_Header_Content_Length="ten") + body,
        "JSON of a huge size": head(key=key, Content_Length=length, Inference_Header_Content_Length="9" * 5000) + body,
        "JSON larger than the body": head(key=key, Content_Length=length, Inference_Header_Content_Length=10**9) + body,
        "a body for health": head("/v2/health/live", key, "GET", Content_Length=10**9),
    }
    disconnecting = Hostile(
        "disconnects", head(key=key, Content_Length=LIMIT), lambda: zeros(MEBIBYTE), disconnects=True
    )
    return [*(Hostile(name, start) for name, start in starts.items()), disconnecting]


def slow(key: str | None) -> list[Hostile]:
    """Each must be ended by the server."""
    large = largest_body()
    return [
        Hostile("slow headers", b"POST ", lambda: repeat(b"x"), pause=0.5),
        Hostile("nothing sent", b""),
        Hostile("slow body", head(key=key, Content_Length=1000), lambda: repeat(b" "), pause=0.5),
        Hostile("slow chunks", head(key=key, Transfer_Encoding="chunked"), lambda: repeat(b"1\r\n \r\n"), pause=0.5),
        Hostile("less than its length", head(key=key, Content_Length=1000) + b"{"),
        Hostile("reads nothing", head(key=key, Content_Length=len(large)), lambda: [large], reads=False),
    ]


def barrage(count: int) -> list[Hostile]:
    """Every kind without and with a key, repeated."""
    kinds = [hostile for key in (None, KEY) for hostile in chain(sizes(key), inflating(key), malformed(key), slow(key))]
    return [kinds[index % len(kinds)] for index in range(count)]
