"""How a running stack is asked: nothing is stored, and the only namespace that is made is removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from cli.conformance.live import LiveCluster
from cli.conformance.strangers import PORT, strangers
from tests.unit.cli.conformance_world import pod, stack

PODS = "/api/v1/namespaces/vision/pods"
REFUSED = {"kind": "Status", "message": "pods is forbidden: violates PodSecurity"}


class ApiServer(BaseHTTPRequestHandler):
    """Keeps what it was asked to create or delete. A namespace goes a moment after it is deleted."""

    asked: ClassVar[list[tuple[str, str, dict[str, list[str]]]]] = []
    going: ClassVar[list[str]] = []
    fails: ClassVar[set[str]] = set()
    """Names of pods that can't be created."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        url = urlsplit(self.path)
        self.asked.append(("POST", url.path, parse_qs(url.query)))
        if url.path.endswith("/unknown"):
            self._answer(404, b"404 page not found")
        elif body["metadata"].get("name") in self.fails:
            self._answer(403, json.dumps(REFUSED).encode())
        else:
            self._answer(201, json.dumps({**body, "admitted": True}).encode())

    def do_DELETE(self) -> None:
        self.asked.append(("DELETE", urlsplit(self.path).path, {}))
        self._answer(*((200, b"{}") if self.path not in self.going else (404, b"{}")))
        self.going.append(self.path)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        answers: dict[str, Any] = {"items": []}
        if path == PODS:
            ready = pod("digits-1")
            ready["spec"]["containers"][0]["image"] = "registry/serving@sha256:1"
            answers = {"items": [ready]}
        elif "conformance" in path:
            answers = {"items": [pod("asker"), pod("neighbour")]}
        elif "/secrets/" in path:
            return self._answer(404, b"{}")
        return self._answer(200, json.dumps(answers).encode())

    def _answer(self, code: int, content: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@pytest.fixture
def api() -> Iterator[client.ApiClient]:
    ApiServer.asked, ApiServer.going, ApiServer.fails = [], [], set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), ApiServer)
    Thread(target=server.serve_forever, daemon=True).start()
    yield client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{server.server_port}"))
    server.shutdown()
    server.server_close()


def test_a_manifest_is_admitted_or_refused_but_never_stored(api: client.ApiClient) -> None:
    cluster, manifest = LiveCluster(api, stack(), "", {}), {"metadata": {"name": "conformance"}}
    assert cluster.dry_run(PODS, manifest).admitted == {**manifest, "admitted": True}
    ApiServer.fails = {"conformance"}
    assert cluster.dry_run(PODS, manifest).refusal == REFUSED["message"]
    unknown = cluster.dry_run("/apis/unknown.example/v1/unknown", manifest)
    assert (unknown.admitted, unknown.refusal) == (None, "404 Not Found")
    assert [query for _, _, query in ApiServer.asked] == [{"dryRun": ["All"]}] * 3


def deleted() -> list[str]:
    return [path for method, path, _ in ApiServer.asked if method == "DELETE"]


def test_two_strangers_have_a_namespace_of_their_own_until_they_have_been_used(api: client.ApiClient) -> None:
    with strangers(api, stack()) as (namespace, asker, address):
        assert namespace.startswith("ml-platform-conformance-")
        assert (asker, address) == ("asker", f"10.244.0.9:{PORT}")
        created = [path for method, path, _ in ApiServer.asked if method == "POST"]
        assert created == ["/api/v1/namespaces", *[f"/api/v1/namespaces/{namespace}/pods"] * 2]
        assert deleted() == []
    assert set(deleted()) == {f"/api/v1/namespaces/{namespace}"}


@pytest.mark.parametrize("fails", ["asker", "neighbour"])
def test_a_namespace_is_removed_when_a_pod_can_not_be_created(api: client.ApiClient, fails: str) -> None:
    ApiServer.fails = {fails}
    with pytest.raises(ApiException, match="violates PodSecurity"), strangers(api, stack()):
        pass
    assert len(set(deleted())) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, ApiException, ValueError])
def test_a_namespace_is_removed_after_an_error(api: client.ApiClient, error: type[BaseException]) -> None:
    with suppress(error), strangers(api, stack()):
        raise error
    assert len(set(deleted())) == 1
    assert len(deleted()) == 2, "it waits until the namespace is gone"
