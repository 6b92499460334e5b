"""What teams have held, from the answers of Prometheus behind the cluster's API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from cli import status
from cli.usage import Held, Usage, recorded, usage
from common.errors import CommandError
from infra.catalogue.metrics import TEAM_IDLE, TEAM_REQUESTS
from infra.declaration.loader import declare
from infra.declaration.monitoring import Monitoring
from tests.unit.declaration.samples import REPOSITORY, WHERE, small

MONITORING = {"receivers": {"hook": {"webhook": {"url": "https://example.com"}}}, "defaultReceiver": "hook"}


def monitoring(**changes: object) -> Monitoring:
    declared = small(monitoring={**MONITORING, **changes})
    found = declare(declared, WHERE, REPOSITORY).monitoring
    assert found is not None
    return found


class Api(BaseHTTPRequestHandler):
    """Answers queries of Prometheus by the metric that they name."""

    answers: ClassVar[Mapping[str, list[tuple[str, str, float]]]] = {}
    code = 200
    asked: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        (query,) = parse_qs(url.query)["query"]
        self.asked.append((url.path, query))
        series = next(series for metric, series in self.answers.items() if f"({metric}[" in query)
        result = [
            {"metric": {"namespace": namespace, "resource": resource}, "value": [0, str(value)]}
            for namespace, resource, value in series
        ]
        body = json.dumps({"status": "success", "data": {"result": result}}).encode()
        self.send_response(self.code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing, in the output of tests."""


@pytest.fixture
def address() -> Iterator[str]:
    Api.code, Api.asked = 200, []
    Api.answers = {
        TEAM_REQUESTS: [("vision", "cpu", 96), ("vision", "memory", 64 * 2**30), ("kube-system", "cpu", 5)],
        TEAM_IDLE: [("vision", "cpu", 24.5), ("vision", "memory", 2**30)],
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, daemon=True).start()
    host, port = server.server_address[:2]
    yield f"http://{host!s}:{port}"
    server.shutdown()
    server.server_close()


NONE = {resource: Held(0, 0) for resource in ("cpu", "memory", "gpu")}


def test_each_team_has_its_hours(address: str) -> None:
    found = recorded(address, monitoring(retention="7d", scrapeInterval="15s"), ["vision", "speech"])
    vision = {"cpu": Held(96, 24.5), "memory": Held(64, 1), "gpu": Held(0, 0)}
    assert found == Usage(7 * 86_400, {"vision": vision, "speech": NONE})
    assert Api.asked == [
        ("/api/v1/query", "sum_over_time(team:requests:sum[604800s]) * 15 / 3600"),
        ("/api/v1/query", "sum_over_time(team:requests_idle:sum[604800s]) * 15 / 3600"),
    ]


def test_it_is_of_a_month_at_most(address: str) -> None:
    assert recorded(address, monitoring(retention="90d"), []).seconds == 30 * 86_400


def test_without_monitoring_there_is_none() -> None:
    assert usage("dev", declare(small(), WHERE, REPOSITORY)) is None


@pytest.mark.parametrize("code", [404, 503])
def test_without_an_answer_there_is_an_error(address: str, code: int) -> None:
    Api.code = code
    with pytest.raises(CommandError, match="Prometheus does not answer"):
        recorded(address, monitoring(), ["vision"])


def test_what_is_not_known_is_said_and_the_rest_of_the_status_stays(capsys: pytest.CaptureFixture[str]) -> None:
    missing = Usage(0, {}, "service ml-platform/prometheus can't be reached: not found")
    status.print_status(status.Status("dev", {}, {}, [], "127.0.0.1:5000", "", [], usage=missing))
    printed = capsys.readouterr().out
    assert "usage by team is not known: service ml-platform/prometheus can't be reached: not found" in printed
    assert "127.0.0.1:5000" in printed


def test_the_status_shows_what_was_requested_and_what_of_it_was_idle(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = recorded(address, monitoring(), ["vision"])
    status.print_status(status.Status("dev", {}, {}, [], "", "", [], usage=found))
    lines = capsys.readouterr().out.splitlines()
    (heading,) = [line for line in lines if line.startswith("last 7 days")]
    assert heading.split("  ", 1)[1].split() == ["CPU", "core", "hours", "memory", "GiB", "hours", "GPU", "hours"]
    (vision,) = [line for line in lines if line.startswith("vision")]
    assert vision.split() == ["vision", "96.0,", "idle", "24.5", "64.0,", "idle", "1.0", "0.0,", "idle", "0.0"]
