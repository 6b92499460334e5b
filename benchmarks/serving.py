"""Requests per second, p99 and CPU time of `images/serving`, beside a bare ONNX Runtime session and another revision.

    python -m venv /tmp/serving && /tmp/serving/bin/pip install --require-hashes -r images/serving/requirements.txt
    python -m benchmarks.serving --python /tmp/serving/bin/python [--before ../other/images/serving]

The server runs as in its image, without a container; its model registry is a folder, and port 8080 must be free. Models
are multilayer perceptrons of different sizes, and each request is for one row. Servers and the bare session take turns,
so that a noisy machine affects all of them. A server shares the CPUs with its clients; the bare session has none, and
glibc's default settings: beside it is one with huge pages, as servers have them.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from onnx import TensorProto, helper, numpy_helper

from benchmarks import load
from benchmarks.load import Latencies

PORT = 8080
NAME = "perceptron"
INFER = f"/v2/models/{NAME}/infer"
CLIENTS = (1, 16)
BARE, BEFORE = "bare session", "before, JSON"
START_SECONDS = 120
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""As in the image."""
_ROOT = Path(__file__).parents[1]
_REGISTER = f"""
import sys
from mlflow.tracking import MlflowClient
client = MlflowClient()
client.create_registered_model("{NAME}")
version = client.create_model_version("{NAME}", source=sys.argv[1])
client.set_registered_model_alias("{NAME}", "champion", version.version)
"""


@dataclass(frozen=True)
class Perceptron:
    """Two hidden layers."""

    features: int
    hidden: int

    def write(self, file: Path) -> None:
        sizes = [self.features, self.hidden, self.hidden, 10]
        random = np.random.default_rng(0)
        nodes, weights, last = [], [], "x"
        for layer, (rows, columns) in enumerate(pairwise(sizes)):
            values = random.standard_normal((rows, columns), np.float32) / np.sqrt(rows)
            weights.append(numpy_helper.from_array(values.astype(np.float32), f"w{layer}"))
            nodes.append(helper.make_node("MatMul", [last, f"w{layer}"], [f"m{layer}"]))
            nodes.append(helper.make_node("Tanh", [f"m{layer}"], [f"t{layer}"]))
            last = f"t{layer}"
        nodes.append(helper.make_node("Softmax", [last], ["y"]))
        taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", self.features])
        given = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 10])
        graph = helper.make_graph(nodes, NAME, [taken], [given], weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        file.write_bytes(model.SerializeToString())

    def json_request(self) -> bytes:
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, self.features], "data": [0.5] * self.features}
        return load.post(INFER, json.dumps({"inputs": [tensor]}).encode(), {"Content-Type": "application/json"})

    def binary_request(self) -> bytes:
        data = np.full(self.features, 0.5, np.float32).tobytes()
        size = {"binary_data_size": len(data)}
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, self.features], "parameters": size}
        head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
        headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
        return load.post(INFER, head + data, headers)


MODELS = {"small": Perceptron(64, 64), "medium": Perceptron(512, 1536), "large": Perceptron(1024, 4096)}
"""A run for one row takes about 0.01, 0.3 and 5 ms."""


@dataclass(frozen=True)
class Registry:
    """A folder, with one model."""

    python: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_TRACKING_URI": (self.folder / "store").as_uri(),
            "MODEL_NAME": NAME,
            "MODEL_URI": f"models:/{NAME}@champion",
            "MALLOC_ARENA_MAX": "2",
            **HUGE_PAGES,
        }

    @property
    def model(self) -> Path:
        return self.folder / "model" / "model.onnx"

    def register(self, perceptron: Perceptron) -> None:
        self.model.parent.mkdir()
        perceptron.write(self.model)
        (self.model.parent / "MLmodel").write_text("flavors: {onnx: {data: model.onnx}}\n")
        command = [str(self.python), "-c", _REGISTER, str(self.model.parent)]
        subprocess.run(command, env=self.environment, check=True, stderr=subprocess.DEVNULL)


@contextmanager
def served(registry: Registry, image: Path, **environment: str) -> Iterator[psutil.Process]:
    """`python -m serving`, once its model is ready."""
    command = [str(registry.python), "-m", "serving"]
    server = subprocess.Popen(command, cwd=image, env=registry.environment | environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + START_SECONDS
    try:
        while not ready():
            if time.monotonic() > deadline:
                raise SystemExit(f"the server is not ready after {START_SECONDS} s")
            if server.poll() is not None:
                raise SystemExit(f"the server ended with {server.returncode}")
            time.sleep(0.1)
        yield psutil.Process(server.pid)
    finally:
        server.kill()
        server.wait(60)


def ready() -> bool:
    """Whether the model is served."""
    request = f"GET /v2/models/{NAME}/ready HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n".encode()
    try:
        with socket.create_connection(("127.0.0.1", PORT), timeout=5) as connection:
            connection.sendall(request)
            return connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def ask(registry: Registry, image: Path, request: bytes, clients: int, seconds: float, **environment: str) -> Latencies:
    """One server, warmed up."""
    with served(registry, image, **environment) as server:
        load.send(PORT, request, clients, 1)
        before = server.cpu_times()
        latencies = load.send(PORT, request, clients, seconds)
        after = server.cpu_times()
    latencies.cpu = after.user + after.system - before.user - before.system
    return latencies


def bare(registry: Registry, clients: int, seconds: float, **environment: str) -> Latencies:
    """As many threads as clients, each with one row at a time."""
    command = [str(registry.python), str(_ROOT / "benchmarks/bare_session.py"), str(registry.model)]
    command += [str(clients), str(seconds)]
    done = subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, text=True)
    return Latencies(**json.loads(done.stdout))


Subject = Callable[[int, float], Latencies]


def subjects(registry: Registry, perceptron: Perceptron, before: Path | None) -> dict[str, Subject]:
    """What is measured, by name."""
    image = _ROOT / "images/serving"
    text, binary = perceptron.json_request(), perceptron.binary_request()
    found: dict[str, Subject] = {BARE: partial(bare, registry)}
    found["bare, huge pages"] = partial(bare, registry, **HUGE_PAGES)
    if before:
        found[BEFORE] = partial(ask, registry, before.resolve(), text)
    found["unbatched, JSON"] = partial(ask, registry, image, text, MAX_BATCH_SIZE="1")
    found["batched, JSON"] = partial(ask, registry, image, text)
    found["batched, binary"] = partial(ask, registry, image, binary)
    return found


def measure(found: dict[str, Subject], clients: int, rounds: int, seconds: float) -> dict[str, list[Latencies]]:
    """In turns."""
    measured: dict[str, list[Latencies]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, subject in found.items():
            measured[name].append(subject(clients, seconds))
    return measured


def report(title: str, measured: dict[str, list[Latencies]]) -> None:
    """A line each, with ratios to the references that were measured."""
    references = [name for name in (BARE, BEFORE) if name in measured]
    columns = "".join(f"   x of {name}: req/s, p99, CPU" for name in references)
    print(f"{title:<26}{'requests/s':>11}{'p99':>10}{'CPU each':>11}{columns}", flush=True)
    for name, rounds in measured.items():
        rate, p99 = statistics.median(one.rate for one in rounds), statistics.median(one.p99 for one in rounds)
        cpu = statistics.median(one.cpu_each for one in rounds)
        ratios = "".join(ratio(rounds, measured[reference]) for reference in references)
        print(f"{name:<26}{rate:>11.0f}{1000 * p99:>7.1f} ms{1000 * cpu:>8.2f} ms{ratios}", flush=True)


def ratio(rounds: Sequence[Latencies], others: Sequence[Latencies]) -> str:
    """The medians of the rounds' ratios."""
    pairs = list(zip(rounds, others, strict=True))
    rate = statistics.median(one.rate / other.rate for one, other in pairs)
    p99 = statistics.median(one.p99 / other.p99 for one, other in pairs)
    return f"{rate:>18.2f}{p99:>8.2f}{statistics.median(one.cpu_each / other.cpu_each for one, other in pairs):>9.2f}"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True, help="has images/serving/requirements.txt")
    parser.add_argument("--before", type=Path, help="images/serving of another checkout")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--clients", nargs="+", type=int, default=CLIENTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    for name in arguments.models:
        with TemporaryDirectory() as folder:
            registry = Registry(arguments.python.absolute(), Path(folder))
            registry.register(MODELS[name])
            found = subjects(registry, MODELS[name], arguments.before)
            for clients in arguments.clients:
                measured = measure(found, clients, arguments.rounds, arguments.seconds)
                report(f"{name} model, {clients} clients", measured)


if __name__ == "__main__":
    main()
