"""The wait for a cluster's access entries: against a server with TLS, and an `aws` that hands out tokens."""

from __future__ import annotations

import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pulumi
import pytest
import trustme

from infra.foundation.aws import access
from infra.foundation.aws.cluster import kubeconfig

ALLOWED, NO_RIGHTS = {"status": {"allowed": True}}, {"status": {"allowed": False}}
REFUSED = 401


class Api(BaseHTTPRequestHandler):
    """Answers in turn; the last answer again and again."""

    answers: list[Any]
    asked: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append({"path": self.path, "token": self.headers["Authorization"], "spec": body["spec"]})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(answer if isinstance(answer, int) else 201)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Nothing of this is to be read."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def cluster(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its kubeconfig."""
    monkeypatch.setattr(access, "_PAUSE", 0.01)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    login(tmp_path, 'echo \'{"status": {"token": "token-of-the-caller"}}\'')
    Api.answers, Api.asked = [ALLOWED], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    endpoint = f"https://127.0.0.1:{server.server_address[1]}"
    yield kubeconfig("prod", "eu-central-1", endpoint, b64encode(authority.cert_pem.bytes()).decode())
    server.shutdown()
    thread.join()
    server.server_close()


def login(folder: Path, script: str) -> None:
    """The command `aws` of this test."""
    (folder / "aws").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "aws").chmod(0o755)


def test_it_waits_while_the_caller_is_unknown_and_while_there_are_no_rights(cluster: str) -> None:
    Api.answers = [REFUSED, REFUSED, NO_RIGHTS, ALLOWED]
    access.wait(cluster)
    assert len(Api.asked) == 4
    assert {each["token"] for each in Api.asked} == {"Bearer token-of-the-caller"}
    assert Api.asked[0]["spec"]["resourceAttributes"]["verb"] == "*"


@pytest.mark.parametrize(
    ("answer", "reason"), [(REFUSED, "401 Unauthorized"), (NO_RIGHTS, "it knows you, but you have no rights yet")]
)
def test_whoever_stays_out_is_told_why(cluster: str, answer: object, reason: str) -> None:
    Api.answers = [answer]
    with pytest.raises(pulumi.RunError, match=f"the cluster does not let you in: {reason}; run `up` as one of"):
        access.wait(cluster, seconds=0.05)


def test_a_login_that_fails_is_the_reason(cluster: str, tmp_path: Path) -> None:
    login(tmp_path, "echo 'The SSO session has expired' >&2; exit 255")
    with pytest.raises(pulumi.RunError, match="let you in: The SSO session has expired; run"):
        access.wait(cluster, seconds=0)
    assert Api.asked == []


def test_no_token_is_sent_to_a_server_of_another_authority(cluster: str) -> None:
    other = json.loads(cluster)
    other["clusters"][0]["cluster"]["certificate-authority-data"] = b64encode(trustme.CA().cert_pem.bytes()).decode()
    with pytest.raises(pulumi.RunError, match="certificate verify failed"):
        access.wait(json.dumps(other), seconds=0)
    assert Api.asked == []
