"""How many good requests a served model answers while hostile ones arrive, beside how many without them.

    python -m benchmarks.hostile_requests [--rounds 3] [--clients 4]

One run on one server, which has the memory and CPU of a pod: undisturbed and disturbed windows alternate, so that a
noisy machine affects both. In each disturbed window 200 hostile requests are sent, 16 at a time.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from docker.models.containers import Container

from infra.secrets.derive import derived_password
from offline import docker_engine
from tests.engine.images import hostile
from tests.engine.images.engine import Engine, run_to_end, wait_for
from tests.engine.images.hostile import INFER, KEY, MEBIBYTE, Address, barrage, good_body
from tests.engine.images.services import TEAMS, mlflow_credentials, track, train

AT_A_TIME = 16
HOSTILE = 200
_GOOD = good_body()


@dataclass
class Window:
    """One measurement."""

    seconds: float = 0
    statuses: Counter[int] = field(default_factory=Counter)
    checks: Counter[int] = field(default_factory=Counter)
    slowest_check: float = 0

    @property
    def rate(self) -> float:
        """Good requests answered with 200, per second."""
        return self.statuses[200] / self.seconds


def ask(address: Address, done: Event, statuses: Counter[int]) -> None:
    """One well-behaved client that keeps its connection and sends one request after the other."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    while not done.is_set():
        connection.request("POST", INFER, _GOOD, headers)
        answer = connection.getresponse()
        answer.read()
        statuses[answer.status] += 1


def check(address: Address, done: Event, window: Window) -> None:
    """Health checks on new connections, as the kubelet's."""
    while not done.wait(0.5):
        begin = time.monotonic()
        connection = http.client.HTTPConnection(*address, timeout=30)
        connection.request("GET", "/v2/health/live")
        window.checks[connection.getresponse().status] += 1
        connection.close()
        window.slowest_check = max(window.slowest_check, time.monotonic() - begin)


def measure(address: Address, clients: int, meanwhile: Callable[[], object]) -> Window:
    """Good requests per second while `meanwhile` runs."""
    window, done = Window(), Event()
    threads = [Thread(target=ask, args=(address, done, window.statuses)) for _ in range(clients)]
    threads.append(Thread(target=check, args=(address, done, window)))
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        meanwhile()
    finally:
        window.seconds = time.monotonic() - begin
        done.set()
        for thread in threads:
            thread.join(60)
    return window


def attack(address: Address) -> None:
    """Every hostile request, some at a time."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(lambda one: hostile.send(address, one), barrage(HOSTILE)))


def report(name: str, window: Window) -> None:
    """One line."""
    print(
        f"{name:<12}{window.rate:8.0f} good requests a second in {window.seconds:4.0f} s, {dict(window.statuses)}, "
        f"health {dict(window.checks)}, slowest {window.slowest_check:.2f} s",
        flush=True,
    )


def compare(engine: Engine, container: Container, rounds: int, clients: int) -> None:
    """The ratio of each round, and their median."""
    address = hostile.direct(engine, container)
    wait_for(f"http://{address[0]}:{address[1]}/v2/health/ready", container)
    measure(address, clients, lambda: time.sleep(5))
    print(f"memory before: {hostile.memory_peak(container) / MEBIBYTE:.0f} MiB at most")
    ratios = []
    for _ in range(rounds):
        before = measure(address, clients, lambda: time.sleep(20))
        report("undisturbed", before)
        disturbed = measure(address, clients, lambda: attack(address))
        report("disturbed", disturbed)
        after = measure(address, clients, lambda: time.sleep(20))
        report("undisturbed", after)
        ratios.append(disturbed.rate / statistics.mean([before.rate, after.rate]))
    container.reload()
    state = container.attrs["State"]
    print(f"memory: {hostile.memory_peak(container) / MEBIBYTE:.0f} MiB at most, of 512")
    print(f"{state['Status']}, OOM kill: {state['OOMKilled']}, restarts: {container.attrs['RestartCount']}")
    print(f"ratios: {', '.join(f'{ratio:.2f}' for ratio in ratios)}; median {statistics.median(ratios):.2f}")


def secret(folder: Path, name: str, file: str, text: str) -> Path:
    """A folder with one file, readable by the container's user."""
    place = folder / name
    place.mkdir()
    (place / file).write_text(text)
    return place


@contextmanager
def served(folder: Path) -> Iterator[tuple[Engine, Container]]:
    """A tracking server, a trained model, and the server under test."""
    engine = Engine(docker_engine.client())
    engine.client.networks.create(engine.name, driver="bridge")
    try:
        track(engine, secret(folder, "logins", "keys", f"{engine.password}\n"))
        login = mlflow_credentials(TEAMS[0], derived_password(engine.password, TEAMS[0]))
        credentials = secret(folder, "credentials", "credentials", login)
        code, log = run_to_end(train(engine, credentials))
        if code:
            raise SystemExit(log)
        yield engine, hostile.serve_as_pod(engine, credentials, secret(folder, "keys", "keys", f"{KEY}\n"))
    finally:
        engine.stop()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=4)
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        with served(Path(name)) as (engine, container):
            compare(engine, container, arguments.rounds, arguments.clients)


if __name__ == "__main__":
    main()
