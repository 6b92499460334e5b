"""An endpoint of the Open Inference Protocol and a tracking server, as small as a model on loopback can be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY, LOGIN = "key", "Basic dTpw"
MISSING = {"error_code": "RESOURCE_DOES_NOT_EXIST"}


def holdout(samples: int) -> dict[str, Any]:
    """Two numbers a sample, of which the first is its class."""
    return {
        "inputs": [[float(number % 3), 0.5] for number in range(samples)],
        "labels": [n % 3 for n in range(samples)],
    }


def tensor(name: str, datatype: str, *shape: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape)}


@dataclass
class World:
    """Version 3 of the model `m` says each sample's class, except that it takes class 2 for class 1."""

    versions: list[str] | None = field(default_factory=lambda: ["3"])
    inputs: list[Any] = field(default_factory=lambda: [tensor("x", "FP32", -1, 2)])
    outputs: list[Any] = field(
        default_factory=lambda: [tensor("probabilities", "FP32", -1, 3), tensor("label", "INT64", -1)]
    )
    registered: dict[str, Any] | None = field(default_factory=lambda: {"run_id": "r"})
    champion: str | None = "3"
    follows_after: int = 0
    """How many questions about the model are refused: it is not loaded yet."""
    artifact: str | None = field(default_factory=lambda: json.dumps(holdout(130)))
    classes_a_sample: int = 1
    infer: int = 200
    ready: int = 200
    tracking: int = 200
    asked: list[int] = field(default_factory=list)
    """Samples of each request."""

    def endpoint(self, path: str, body: Any) -> tuple[int, str]:
        if path == "/v2/models/m":
            if self.follows_after > 0:
                self.follows_after -= 1
                return 503, "no version yet"
            named = {} if self.versions is None else {"versions": self.versions}
            return 200, json.dumps({"name": "m", "inputs": self.inputs, "outputs": self.outputs, **named})
        if path == "/v2/models/m/ready":
            return self.ready, ""
        (sent,) = body["inputs"]
        samples, width = sent["shape"]
        assert (sent["name"], len(sent["data"])) == ("x", samples * width)
        self.asked.append(samples)
        classes = [min(int(value), 1) for value in sent["data"][::width] for _ in range(self.classes_a_sample)]
        return self.infer, json.dumps({"outputs": [{**output, "data": classes} for output in self.outputs]})

    def tracked(self, path: str, query: dict[str, list[str]]) -> tuple[int, str]:
        if self.tracking != 200:
            return self.tracking, "no"
        if path == "/get-artifact":
            assert query == {"path": ["holdout/holdout.json"], "run_uuid": ["r"]}
            return (404, json.dumps(MISSING)) if self.artifact is None else (200, self.artifact)
        if path == "/api/2.0/mlflow/registered-models/get":
            assert query == {"name": ["m"]}
            aliases = [{"alias": "champion", "version": self.champion}] if self.champion else []
            return 200, json.dumps({"registered_model": {"name": "m", "aliases": aliases}})
        assert query == {"name": ["m"], "version": ["3"]}
        if self.registered is None:
            return 404, json.dumps(MISSING)
        return 200, json.dumps({"model_version": self.registered})


@contextmanager
def serving(world: World) -> Iterator[str]:
    """The address of both, for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = urlsplit(self.path)
            if address.path.startswith("/v2/"):
                assert self.headers["Authorization"] == f"Bearer {KEY}"
                status, text = world.endpoint(address.path, json.loads(body or "null"))
            else:
                assert self.headers["Authorization"] == LOGIN
                status, text = world.tracked(address.path, parse_qs(address.query))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            if text == "no version yet":
                self.send_header("Retry-After", "10")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """A test's output is its own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
