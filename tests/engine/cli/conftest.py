"""Fixtures that several tests of the commands share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache

import pytest
from botocore.stub import Stubber
from moto.server import ThreadedMotoServer

from cli.aws_preflight.wanted import Client
from tests.engine.cli.aws import REGION, Answer, client_of
from tests.engine.cli.github import GitHub


@pytest.fixture
def github() -> Iterator[GitHub]:
    server = GitHub()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def moto(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Client:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    return cache(lambda service, region=REGION: client_of(service, region, endpoint_url=endpoint))


@pytest.fixture
def stubbed() -> Iterator[Callable[[Mapping[str, list[Answer]]], Client]]:
    """Clients that give the answers in turn; both must fit AWS's own models, and each question must be asked.

    Answers of another region have a key such as `rds in eu-west-1`.
    """
    stubbers: list[Stubber] = []

    def clients(answers: Mapping[str, list[Answer]]) -> Client:
        made = {}
        for service, expected in answers.items():
            made[service] = client_of(*service.split(" in "))
            stubber = Stubber(made[service])
            for operation, parameters, answer in expected:
                stubber.add_response(operation, dict(answer), dict(parameters) if parameters else None)
            stubber.activate()
            stubbers.append(stubber)
        return lambda service, *region: made[" in ".join([service, *region])]

    yield clients
    for stubber in stubbers:
        stubber.assert_no_pending_responses()
