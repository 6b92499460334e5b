"""A proxy that excepts nothing: each client library reaches loopback without it, and the outside through it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest

from tests.unit.declaration.samples import REPOSITORY

CLIENTS = {
    "requests": "import requests; answered = requests.get(f'http://{address}/', timeout=5).ok",
    "the Kubernetes client": """
from kubernetes import client
api = client.ApiClient(client.Configuration(host=f'http://{address}'))
answered = api.call_api('GET', f'http://{address}/').status == 200
""",
    "boto3": """
import boto3
made = dict(region_name='eu-central-1', aws_access_key_id='a', aws_secret_access_key='b')
made_at = boto3.client('s3', endpoint_url=f'http://{address}', **made)
answered = made_at.head_bucket(Bucket='bucket')['ResponseMetadata']['HTTPStatusCode'] == 200
""",
    "gRPC": """
import grpc
channel = grpc.insecure_channel(grpc_address)
grpc.channel_ready_future(channel).result(timeout=10)
answered = True
""",
}


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class _Proxy(BaseHTTPRequestHandler):
    """Remembers what it is asked for, and answers nothing of it."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(502)

    do_HEAD = do_CONNECT = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _serve(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def asked() -> list[str]:
    """What the proxy was asked for."""
    return []


@pytest.fixture
def proxy(asked: list[str]) -> Iterator[str]:
    yield from _serve(type("Proxy", (_Proxy,), {"asked": asked}))


@pytest.fixture
def server() -> Iterator[str]:
    yield from _serve(_Answers)


@pytest.fixture
def grpc_server() -> Iterator[str]:
    made = grpc.server(ThreadPoolExecutor(1))
    port = made.add_insecure_port("127.0.0.1:0")
    made.start()
    yield f"127.0.0.1:{port}"
    made.stop(None)


def run(code: str, proxy: str, prepared: str) -> subprocess.CompletedProcess[str]:
    """A process whose environment names the proxy, and no exception from it."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    named = {
        name: f"http://{proxy}" for word in ("http", "https") for name in (f"{word}_proxy", f"{word}_proxy".upper())
    }
    return subprocess.run(
        [sys.executable, "-c", f"{prepared}\n{code}\nassert answered"],
        cwd=REPOSITORY,
        env={**kept, **named},
        capture_output=True,
        text=True,
        check=False,
    )


PREPARED = "from common.environment import prepare; prepare()"


@pytest.mark.parametrize("client", CLIENTS)
def test_loopback_is_reached_without_the_proxy(
    client: str, proxy: str, server: str, grpc_server: str, asked: list[str]
) -> None:
    code = f"address, grpc_address = {server!r}, {grpc_server!r}\n{CLIENTS[client]}"
    unprepared = run(code, proxy, "")
    assert unprepared.returncode != 0, "the proxy is not in its way"
    assert asked
    asked.clear()
    done = run(code, proxy, PREPARED)
    assert (done.returncode, asked) == (0, []), done.stderr


def test_the_outside_is_asked_through_the_proxy(proxy: str, asked: list[str]) -> None:
    run("import requests; answered = requests.get('http://registry.example/', timeout=5)", proxy, PREPARED)
    assert asked == ["http://registry.example/"]
