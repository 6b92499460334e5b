"""What every process gets from `common`: proxies that spare loopback, logs without colours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from common.environment import no_loopback_proxy
from common.errors import tail
from offline.plugins.docker.progress import EngineError, Transcript

PROXY = {"https_proxy": "http://proxy:3128"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"no_proxy": "example.org"}, None),
        (PROXY, "localhost,127.0.0.1,::1"),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": ".svc"}, ".svc,localhost,127.0.0.1,::1"),
        (PROXY | {"no_proxy": "127.0.0.1, example.org"}, "127.0.0.1,example.org,localhost,::1"),
        (PROXY | {"no_proxy": "*"}, None),
        ({"grpc_proxy": "http://proxy:3128"}, "localhost,127.0.0.1,::1"),
    ],
    ids=[
        "no proxy",
        "no proxy, but an exception",
        "a proxy",
        "upper case",
        "one is there",
        "all of them are there",
        "gRPC's own",
    ],
)
def test_loopback_is_never_reached_through_a_proxy(environment: Mapping[str, str], expected: str | None) -> None:
    assert no_loopback_proxy(environment) == (
        {} if expected is None else dict.fromkeys(("no_proxy", "NO_PROXY"), expected)
    )


def test_where_grpc_has_exceptions_of_its_own_they_are_extended_too() -> None:
    found = no_loopback_proxy(PROXY | {"no_grpc_proxy": ".svc"})
    assert found["no_grpc_proxy"] == ".svc,localhost,127.0.0.1,::1"
    assert found["no_proxy"] == "localhost,127.0.0.1,::1"


def test_the_end_of_a_log_has_no_colours(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n\x1b[91merror: \x1b[0mno such file\x1b[K\n")
    assert tail(log, 1) == "error: no such file"


def test_a_failed_build_shows_no_colours(tmp_path: Path) -> None:
    said: list[str] = []
    transcript = Transcript(said.append, tmp_path / "log")
    with pytest.raises(EngineError) as failed:
        transcript.follow(
            [{"stream": "Step 1/2 : \x1b[91mRUN false\x1b[0m\n"}, {"error": "\x1b[31mexit code 1\x1b[0m"}]
        )
    assert str(failed.value) == "exit code 1"
    assert said == ["Step 1/2 : RUN false"]
    assert transcript.tail() == "Step 1/2 : RUN false\nexit code 1"
    assert (tmp_path / "log").read_text() == "Step 1/2 : RUN false\nexit code 1\n"
