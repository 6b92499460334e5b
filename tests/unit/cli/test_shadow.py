"""What `make status` shows of canaries with `mirror`, from the answers of Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from cli import shadow, status
from cli.shadow import Answers, counted, shadows
from infra.catalogue.metrics import named_in, unknown_in
from infra.declaration.loader import declare
from tests.unit.declaration.samples import REPOSITORY, WHERE, small

COUNTED = [
    ("vision", "digits-canary", "7", "label", "same", 97.0),
    ("vision", "digits-canary", "7", "label", "different", 1.0),
    ("vision", "digits-canary", "7", "probabilities", "different", 98.0),
    ("vision", "digits-canary", "7", None, "different", 2.0),
    ("vision", "digits-canary", "7", None, "unmatched", 5.0),
    ("speech", "digits-canary", "7", "label", "same", 1000.0),
    ("vision", "digits-canary", "6", "label", "different", 50.0),
    ("vision", "digits-canary", "5", "label", "same", 0.0),
    ("vision", None, None, None, "same", 50.0),
]


class Api(BaseHTTPRequestHandler):
    """Prometheus leaves out labels without a value."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        (query,) = parse_qs(urlsplit(self.path).query)["query"]
        self.asked.append(query)
        names = ("namespace", "endpoint", "version", "output", "result")
        result = [
            {"metric": {name: text for name, text in zip(names, labels, strict=True) if text}, "value": [0, str(value)]}
            for *labels, value in COUNTED
        ]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "success", "data": {"result": result}}).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing, in the output of tests."""


@pytest.fixture
def address() -> Iterator[str]:
    Api.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, daemon=True).start()
    host, port = server.server_address[:2]
    yield f"http://{host!s}:{port}"
    server.shutdown()
    server.server_close()


def test_an_answer_with_another_status_differs_in_each_output(address: str) -> None:
    found = counted(address, [("vision", "digits-canary")])
    assert found == {
        "digits-canary": {
            "6": {"label": Answers(50, 0)},
            "7": {"label": Answers(100, 97), "probabilities": Answers(100, 0)},
        }
    }
    (query,) = Api.asked
    assert named_in(query) == ["inference_shadow_answers_total"]
    assert unknown_in(query) == []


def test_the_status_shows_how_many_answers_are_the_same(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = counted(address, [("vision", "digits-canary"), ("vision", "sky-canary")])
    status.print_status(status.Status("dev", {}, {}, [], "", "", [], shadows=found))
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("digits-canary")]
    assert lines == [
        ["digits-canary", "6", "label", "0.0%", "of", "50"],
        ["digits-canary", "7", "label", "97.0%", "of", "100"],
        ["digits-canary", "7", "probabilities", "0.0%", "of", "100"],
    ]


def test_prometheus_is_asked_only_where_a_canary_gets_copies_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> Any:
        raise AssertionError

    monkeypatch.setattr(shadow, "forwarded", asked)
    canary = {"version": 7, "percent": 10}
    receivers = {"receivers": {"hook": {"webhook": {"url": "https://example.com"}}}, "defaultReceiver": "hook"}
    exposed = {
        "gateway": {},
        "secrets": {"ci": {"team": "vision", "generate": True}},
        "serving.digits.expose": {"host": "digits.example.com", "callers": ["ci"]},
    }
    declared = small(monitoring=receivers, **exposed, **{"serving.digits.canary": canary})
    assert shadows("dev", declare(declared, WHERE, REPOSITORY)) == {}
    mirrored = small(
        monitoring=receivers, **exposed, **{"serving.digits.canary": {**canary, "percent": 0, "mirror": True}}
    )
    with pytest.raises(AssertionError):
        shadows("dev", declare(mirrored, WHERE, REPOSITORY))
