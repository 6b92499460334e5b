"""An endpoint that is scaled, called through the gateway as somebody outside the cluster calls it.

    make up STACK=dev       # with `replicas: {min: 0, max: 4, scaleDownAfter: 10s}`, `scaleOn: {requestsInFlight: 4}`,
                            # or `scaleOn: {latency: 300ms}`
    python -m benchmarks.scaling cold --times 100 --callers 16
    python -m benchmarks.scaling load --clients 4 8 16 8 4 --seconds 120

`cold` waits until it has no pods, and calls it from several threads at once, again and again: how long they waited, and
how they were answered. `load` calls it from so many threads at a time: its pods, the changes of their number, and p99.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlsplit

import urllib3
from kubernetes import client, config

from cli import stack
from common import paths

_SAMPLE = {"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.0] * 64}]}
_SECONDS, _PATIENCE = 90, 600


@dataclass
class Answers:
    """By status or failure, and how long each took, in seconds."""

    ended: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)

    def add(self, how: str, seconds: float) -> None:
        self.ended[how] += 1
        self.took.append(seconds)

    def quantile(self, part: float) -> float:
        return sorted(self.took)[min(len(self.took) - 1, int(len(self.took) * part))]

    def __str__(self) -> str:
        p50, p95, p99 = (self.quantile(part) for part in (0.5, 0.95, 0.99))
        return f"{dict(self.ended)}; p50 {p50:.3f} s, p95 {p95:.3f} s, p99 {p99:.3f} s, max {max(self.took):.3f} s"


class Endpoint:
    def __init__(self, name: str, output: dict[str, Any], trusted: Path, callers: int) -> None:
        self._name, self._output = name, output
        url = urlsplit(output["url"])
        key = output["api_key"] or next(iter(output["callers"].values()))
        self._path = f"{url.path}/v2/models/{output['model']}/infer"
        self._headers = {"Host": url.netloc, "Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._pool = urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            url.port,
            maxsize=callers,
            ca_certs=str(trusted),
            server_hostname=url.hostname,
            assert_hostname=url.hostname,
            retries=False,
            timeout=_SECONDS,
        )
        self._apps = client.AppsV1Api(config.new_client_from_config(str(paths.KUBECONFIG)))

    def call(self) -> tuple[str, float]:
        began = time.monotonic()
        try:
            answer = self._pool.request("POST", self._path, body=json.dumps(_SAMPLE), headers=self._headers)
            how = str(answer.status)
        except urllib3.exceptions.HTTPError as error:
            how = type(error).__name__
        return how, time.monotonic() - began

    def pods(self) -> int:
        return int(self._apps.read_namespaced_deployment(self._name, self._output["namespace"]).spec.replicas)

    def wait_for_none(self) -> None:
        """Also until the last pod has ended, as it may still answer."""
        core, end = client.CoreV1Api(self._apps.api_client), time.monotonic() + _PATIENCE
        own = f"app.kubernetes.io/name={self._name},app.kubernetes.io/component=serving"
        while self.pods() or core.list_namespaced_pod(self._output["namespace"], label_selector=own).items:
            if time.monotonic() > end:
                raise SystemExit(f"{self._name} still has pods after {_PATIENCE} s")
            time.sleep(0.5)


def cold(endpoint: Endpoint, times: int, callers: int) -> None:
    """The longest wait of each wake-up is that of its pod."""
    answers, waits = Answers(), list[float]()
    with ThreadPoolExecutor(callers) as pool:
        for number in range(1, times + 1):
            endpoint.wait_for_none()
            found = list(pool.map(lambda _: endpoint.call(), range(callers)))
            for each in found:
                answers.add(*each)
            waits.append(max(seconds for _, seconds in found))
            print(f"{number}: {Counter(how for how, _ in found)} in {waits[-1]:.1f} s", flush=True)
    p95 = sorted(waits)[min(times - 1, int(times * 0.95))]
    print(f"{times} cold starts with {callers} callers each: median {statistics.median(waits):.1f} s, p95 {p95:.1f} s")
    print(answers)


def load(endpoint: Endpoint, clients: Sequence[int], seconds: float) -> None:
    """One step after the other."""
    changes, before = 0, endpoint.pods()
    for number in clients:
        with calling(endpoint, number) as answers:
            end, seen = time.monotonic() + seconds, [before]
            while time.monotonic() < end:
                now = endpoint.pods()
                changes += now != seen[-1]
                if now != seen[-1]:
                    seen.append(now)
                time.sleep(0.5)
        before = seen[-1]
        print(f"{number} clients, {seconds:g} s: {' -> '.join(map(str, seen))} pods; {answers}", flush=True)
    print(f"{changes} changes of the number of pods in {len(clients) * seconds:g} s")


@contextmanager
def calling(endpoint: Endpoint, clients: int) -> Iterator[Answers]:
    """Each client sends its next request when it has the answer to the one before."""
    answers, done, lock = Answers(), threading.Event(), threading.Lock()

    def call() -> None:
        while not done.is_set():
            found = endpoint.call()
            with lock:
                answers.add(*found)

    threads = [threading.Thread(target=call) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        done.set()
        for thread in threads:
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cold", "load"])
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--endpoint", default="digits")
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--clients", type=int, nargs="+", default=[4, 8, 16, 8, 4])
    parser.add_argument("--seconds", type=float, default=120)
    given = parser.parse_args()
    outputs = stack.outputs(given.stack, reveal=True)
    with NamedTemporaryFile("w", suffix=".pem") as trusted:
        trusted.write(outputs["gateway"]["trusted"])
        trusted.flush()
        callers = max(given.callers, *given.clients)
        endpoint = Endpoint(given.endpoint, outputs["endpoints"][given.endpoint], Path(trusted.name), callers)
        if given.what == "cold":
            cold(endpoint, given.times, given.callers)
        else:
            load(endpoint, given.clients, given.seconds)


if __name__ == "__main__":
    main()
