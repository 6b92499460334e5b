"""The served model under requests that are meant to harm it, with the memory and CPU of a pod."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest
import requests
from docker.models.containers import Container

from tests.engine.images import hostile
from tests.engine.images.engine import Engine, WriteSecrets, output, wait_for
from tests.engine.images.hostile import INFER, KEY, LIMIT, MEBIBYTE, Address, Hostile, barrage, good_body, head, send
from tests.waiting import eventually

AT_A_TIME = 16
PROBE_SECONDS = 2
"""The timeout of an endpoint's probes; three misses in a row restart a pod."""


@dataclass(frozen=True)
class Server:
    container: Container
    address: Address

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def infer(self, body: bytes | None = None, key: str = KEY) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        return requests.post(f"{self.url}{INFER}", body or good_body(), headers=headers, timeout=20)

    def started(self) -> tuple[str, str, bool, int]:
        """Stays the same unless it was restarted or killed."""
        self.container.reload()
        state = self.container.attrs["State"]
        return state["Status"], state["StartedAt"], state["OOMKilled"], self.container.attrs["RestartCount"]


def start(engine: Engine, credentials: Path, write_secrets: WriteSecrets, **environment: str) -> Server:
    container = hostile.serve_as_pod(
        engine, credentials, write_secrets("serving-keys", {"keys": f"{KEY}\n"}), **environment
    )
    server = Server(container, hostile.direct(engine, container))
    wait_for(f"{server.url}/v2/health/ready", container)
    return server


@pytest.fixture(scope="module")
def server(engine: Engine, trained: str, credentials: Path, write_secrets: WriteSecrets) -> Server:
    return start(engine, credentials, write_secrets)


@pytest.fixture(scope="module")
def small_server(engine: Engine, trained: str, credentials: Path, write_secrets: WriteSecrets) -> Server:
    return start(engine, credentials, write_secrets, MAX_REQUEST_BYTES="2048", MAX_CONCURRENT_REQUESTS="1")


@dataclass
class Watch:
    """What health checks and well-behaved clients see."""

    statuses: list[int] = field(default_factory=list)
    checks: list[int | str] = field(default_factory=list)
    slowest: float = 0


@contextmanager
def watched(server: Server) -> Iterator[Watch]:
    """A new connection for each health check, as the kubelet does; one kept connection for inference."""
    watch, done = Watch(), Event()

    def check() -> None:
        while not done.wait(0.2):
            for state in ("live", "ready"):
                begin = time.monotonic()
                try:
                    answer = requests.get(f"{server.url}/v2/health/{state}", timeout=PROBE_SECONDS)
                    watch.checks.append(answer.status_code)
                except requests.RequestException as error:
                    watch.checks.append(str(error))
                watch.slowest = max(watch.slowest, time.monotonic() - begin)

    def infer() -> None:
        while not done.wait(0.05):
            watch.statuses.append(server.infer().status_code)

    threads = [Thread(target=check), Thread(target=infer)]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        done.set()
        for thread in threads:
            thread.join(60)


def test_hostile_requests_neither_stop_the_server_nor_other_clients(server: Server) -> None:
    before = server.started()
    with watched(server) as watch, ThreadPoolExecutor(AT_A_TIME) as clients:
        outcomes = list(clients.map(lambda one: send(server.address, one), barrage(200)))
    assert server.started() == before, output(server.container)[-2000:]
    failed = {(one.name, one.status) for one in outcomes if one.status and one.status >= 500 and one.status != 503}
    assert not failed, output(server.container)[-2000:]
    assert set(watch.checks) == {200}
    assert set(watch.statuses) == {200}
    assert server.infer().status_code == 200


@pytest.mark.parametrize("key", [None, "wrong", KEY])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_gigabyte_is_refused_without_being_read(server: Server, key: str | None, chunked: bool) -> None:
    """What was sent is in buffers of the kernel; the length is known from the headers, and a key is checked first."""
    framing = {"Transfer_Encoding": "chunked"} if chunked else {"Content_Length": 10**9}
    pieces = hostile.zeros(10**9)
    whole = Hostile("1 GB", head(key=key, **framing), lambda: hostile.chunked(pieces) if chunked else pieces)
    outcome = send(server.address, whole)
    assert outcome.status == (413 if key == KEY else 401)
    assert outcome.closed
    assert outcome.sent < 64 * MEBIBYTE


@pytest.mark.parametrize("size", [LIMIT + 1, 100 * MEBIBYTE])
def test_a_usual_client_reads_why_its_body_is_refused(server: Server, size: int) -> None:
    answer = server.infer(bytes(size))
    assert answer.status_code == 413
    assert answer.json() == {"error": f"the body is larger than {LIMIT} bytes, the limit of this server"}
    assert server.infer(bytes(size), "wrong").status_code == 401


def test_the_declared_size_is_the_limit(small_server: Server) -> None:
    assert small_server.infer(good_body().ljust(2048)).status_code == 200
    assert small_server.infer(good_body().ljust(2049)).status_code == 413


def test_requests_above_the_declared_concurrency_are_refused_until_others_are_answered(
    engine: Engine, trained: str, credentials: Path, write_secrets: WriteSecrets
) -> None:
    server = start(engine, credentials, write_secrets, MAX_CONCURRENT_REQUESTS="1")
    body = hostile.largest_body()
    with ThreadPoolExecutor(4) as clients:

        def refused() -> list[requests.Response]:
            answers = list(clients.map(lambda _: server.infer(body), range(4)))
            assert {answer.status_code for answer in answers} <= {200, 429}
            return [answer for answer in answers if answer.status_code == 429]

        answer = eventually(refused, 60, "a request that is refused")[0]
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["error"] == "1 requests are being answered, the limit of this server"
    assert server.infer().status_code == 200


def test_connections_without_a_request_keep_nobody_out(server: Server) -> None:
    """The oldest ones are closed for new ones."""
    before = server.started()
    with ExitStack() as connections, watched(server) as watch:
        for number in range(800):
            connection = connections.enter_context(socket.create_connection(server.address, timeout=20))
            connection.sendall(b"POST " if number % 2 else head(key=KEY, Content_Length=LIMIT))
        eventually(lambda: len(watch.checks) > 20 and len(watch.statuses) > 20, 60, "checks beside them")
        assert set(watch.checks) == {200}
        assert set(watch.statuses) == {200}
    assert server.started() == before


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("slow headers", None),
        ("nothing sent", None),
        ("slow body", 408),
        ("slow chunks", 408),
        ("less than its length", 408),
        ("reads nothing", None),
    ],
)
def test_slow_clients_are_ended(slow_outcomes: dict[str, hostile.Outcome], name: str, status: int | None) -> None:
    outcome = slow_outcomes[name]
    assert outcome.status == status
    assert outcome.status or outcome.closed


@pytest.fixture(scope="module")
def slow_outcomes(server: Server) -> dict[str, hostile.Outcome]:
    """All at once, since each takes the server's timeout."""
    slow = hostile.slow(KEY)
    with ThreadPoolExecutor(len(slow)) as clients:
        return {outcome.name: outcome for outcome in clients.map(lambda one: send(server.address, one), slow)}
