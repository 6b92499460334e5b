"""One failure is reported once, though the engine cancels what it does elsewhere."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cli import plan
from tests.pulumi_engine import Pulumi, find_engine
from tests.waiting import eventually

_PROGRAM = """
import asyncio, pathlib, pulumi, pulumi_docker, pulumi_random

async def length():
    # The engine looks at one resource after the other, and would not come to the volume.
    while not pathlib.Path({seen!r}).exists():
        await asyncio.sleep(0.05)
    return 20

pulumi_docker.Volume("data")
pulumi_random.RandomPassword("p", length=pulumi.Output.from_input(length()))
"""
_POLICY = """
import pathlib, time
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

def wait(args, report):
    if args.resource_type == "docker:index/volume:Volume":
        pathlib.Path({seen!r}).touch()
    if args.resource_type == "random:index/randomPassword:RandomPassword":
        pathlib.Path({analysing!r}).touch()
        while "context canceled" not in pathlib.Path({events!r}).read_text():
            time.sleep(0.05)

PolicyPack("waits", policies=[
    ResourceValidationPolicy("waits", "Looks at a password while a volume fails.", wait, EnforcementLevel.MANDATORY)
])
"""


class _Engine(BaseHTTPRequestHandler):
    """A Docker engine that makes no volume, as soon as the policy looks at another resource."""

    analysing: Path

    def do_GET(self) -> None:
        self._answer(200, b'{"ApiVersion": "1.41"}' if self.path.endswith("/version") else b"OK")

    def do_POST(self) -> None:
        eventually(self.analysing.exists, what="the policy")
        self._answer(500, b'{"message": "the disk is full"}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "a client"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def pulumi(tmp_path: Path) -> Iterator[Pulumi]:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    socket = tmp_path / "docker.sock"
    handler = type("Engine", (_Engine,), {"analysing": tmp_path / "analysing"})
    with socketserver.ThreadingUnixStreamServer(str(socket), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Pulumi(tmp_path, {"DOCKER_HOST": f"unix://{socket}", "PULUMI_DEBUG_COMMANDS": "true"}) as stack:
            yield stack
        server.shutdown()


def test_what_the_policy_pack_was_looking_at_is_no_second_failure(pulumi: Pulumi, tmp_path: Path) -> None:
    events, pack = tmp_path / "events", tmp_path / "pack"
    events.touch()
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    files = {"seen": str(tmp_path / "seen"), "analysing": str(tmp_path / "analysing"), "events": str(events)}
    (pack / "__main__.py").write_text(_POLICY.format(**files))
    pulumi.program(_PROGRAM.format(**files))
    failed = pulumi.up("--policy-pack", str(pack), "--event-log", str(events), check=False)
    assert failed.code != 0
    assert "context canceled" in failed.text, "the engine reports one failure only"
    assert plan.why_failed(plan.logged_events(events)) == "data: the disk is full"
