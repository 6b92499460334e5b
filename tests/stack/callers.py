"""Callers outside the cluster: they know a host, a key, and the authority that signed the gateway's certificate."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from kubernetes import client

_SECONDS = 60
_AT_ONCE, _MOST = 4, 16
_SAMPLE = {"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.0] * 64}]}

_COMPARED = re.compile(r'inference_shadow_answers_total\{model=".*",output="(.*)",result="(.*)",version="(.*)"\} (.+)')


class Caller:
    """Calls one endpoint at the address of the gateway's Service, which nothing outside the cluster resolves."""

    def __init__(self, address: str, url: str, trusted: str, headers: Mapping[str, str]) -> None:
        with NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
            file.write(trusted)
        self.failures: list[str] = []
        self._file, self.headers, self._host = Path(file.name), dict(headers), urlsplit(url).netloc
        name = urlsplit(url).hostname
        self._plain = urllib3.HTTPConnectionPool(address, 80, retries=False, timeout=_SECONDS)
        self._pool = urllib3.HTTPSConnectionPool(
            address,
            443,
            maxsize=_MOST,
            ca_certs=file.name,
            server_hostname=name,
            assert_hostname=name,
            retries=False,
            timeout=_SECONDS,
        )

    def close(self) -> None:
        self._pool.close()
        self._file.unlink()

    def get(self, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request("GET", path, headers={"Host": self._host, **(headers or self.headers)})

    def get_plain(self, path: str) -> urllib3.BaseHTTPResponse:
        """Without TLS."""
        return self._plain.request("GET", path, headers={"Host": self._host}, redirect=False)

    def send(self, method: str, path: str, body: bytes, **headers: str) -> urllib3.BaseHTTPResponse:
        """JSON, unless the server does not care."""
        known = {"Host": self._host, "Content-Type": "application/json", **self.headers, **headers}
        return self._pool.request(method, path, body=body, headers=known)

    def predict(self, model: str) -> urllib3.BaseHTTPResponse:
        headers = {"Host": self._host, "Content-Type": "application/json", **self.headers}
        return self._pool.request("POST", f"/v2/models/{model}/infer", body=json.dumps(_SAMPLE), headers=headers)

    def at_once(self, callers: int, model: str) -> Counter[int]:
        """As many at a time, each on a connection of its own; how each ended."""
        with ThreadPoolExecutor(callers) as pool:
            return Counter(pool.map(lambda _: self.predict(model).status, range(callers)))

    @contextmanager
    def predicting(self, model: str, callers: int = _AT_ONCE) -> Iterator[Counter[Any]]:
        """Several at once, again and again, on connections that are kept; how each ended, by status or failure."""
        answers: Counter[Any] = Counter()
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                try:
                    answer = self.predict(model)
                    answers[answer.status] += 1
                    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                        self.failures.append(f"{datetime.now(UTC):%T.%f} {answer.status} {answer.data[:200]!r}")
                except urllib3.exceptions.HTTPError as error:
                    answers[repr(error)] += 1
                time.sleep(0.01)

        threads = [threading.Thread(target=ask) for _ in range(callers)]
        for thread in threads:
            thread.start()
        try:
            yield answers
        finally:
            done.set()
            for thread in threads:
                thread.join()


def answered_by(core: client.CoreV1Api, namespace: str, names: list[str]) -> dict[str, float]:
    """How many requests the pods of each endpoint have answered, by their own count."""
    return {name: sum(answered_by_pods(core, namespace, name)) for name in names}


def answered_by_pods(core: client.CoreV1Api, namespace: str, name: str) -> list[float]:
    """How many each pod of an endpoint has answered."""
    return [_answered(pod) for pod in _pods(core, namespace, name)]


def compared_by(core: client.CoreV1Api, namespace: str, name: str, version: str) -> Counter[tuple[str, str]]:
    """How many answers of a version are the endpoint's, by output and result, as the pods of its canary count them."""
    found: Counter[tuple[str, str]] = Counter()
    for pod in _pods(core, namespace, name):
        text = requests.get(f"http://{pod.status.pod_ip}:8080/metrics", timeout=_SECONDS).text
        for line in text.splitlines():
            if match := _COMPARED.match(line):
                output, result, counted, value = match.groups()
                found[output, result] += int(float(value)) if counted == version else 0
    return found


def _pods(core: client.CoreV1Api, namespace: str, name: str) -> list[client.V1Pod]:
    selector = f"app.kubernetes.io/name={name},app.kubernetes.io/component=serving"
    found = core.list_namespaced_pod(namespace, label_selector=selector).items
    return [pod for pod in found if any(each.ready for each in pod.status.container_statuses or [])]


def _answered(pod: client.V1Pod) -> float:
    text = requests.get(f"http://{pod.status.pod_ip}:8080/metrics", timeout=_SECONDS).text
    counts = (line for line in text.splitlines() if line.startswith("inference_requests_total{"))
    return sum(float(line.rpartition(" ")[2]) for line in counts)
