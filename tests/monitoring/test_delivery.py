"""Letters and messages really arrive, at servers that ask for encryption and a secret."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from docker import DockerClient

from infra.monitoring.images import PROMETHEUS
from tests.monitoring.alertmanager import run
from tests.monitoring.images import built
from tests.monitoring.receivers import MailServer, Posts
from tests.waiting import eventually

HOOK = "/services/T0/B0/word-of-the-hook"
IDLE = {"alertname": "GpuIdle", "severity": "warning", "team": "vision", "node": "a10g-0"}
FAILED = {"alertname": "JobFailed", "severity": "warning", "team": "speech", "job_name": "words"}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_a_letter_and_a_message_arrive_and_a_renewed_secret_is_used_at_once(
    engine: DockerClient, authority: trustme.CA, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    with MailServer(tls).served() as post, Posts(tls).served() as chat:
        letters = {"to": "vision@example.com", "sender": "alerts@example.com", "server": post.address}
        settings = {
            "receivers": {
                "post": {"email": {**letters, "username": "alerts", "password": "mail"}},
                "chat": {"slack": {"channel": "#speech", "url": "chat-hook"}},
            },
            "routes": {"vision": "post", "speech": "chat"},
        }
        secrets = {"mail": "word-of-the-mail", "chat-hook": f"{chat.address}{HOOK}"}
        known = authority.cert_pem.bytes()
        with run(engine, built(engine, PROMETHEUS), tmp_path, settings, secrets, known) as alertmanager:
            alertmanager.fire(IDLE, FAILED)
            letter = eventually(lambda: post.received[:1], 30, "the letter")[0]
            message = eventually(lambda: chat.received[:1], 30, "the message")[0]
            (alertmanager.secrets / "mail").write_text("renewed")
            alertmanager.end(IDLE, FAILED)
            eventually(lambda: len(post.received) > 1 and len(chat.received) > 1, 30, "the news of the end")

    assert (letter.sender, letter.to) == ("alerts@example.com", ["vision@example.com"])
    assert post.logins == [("alerts", "word-of-the-mail"), ("alerts", "renewed")]
    assert [each.message["subject"].split()[0] for each in post.received] == ["[FIRING:1]", "[RESOLVED]"]
    assert "GpuIdle" in letter.message["subject"]
    assert "a10g-0" in letter.message.get_body().get_content()  # type: ignore[union-attr]
    assert (message.path, message.body["channel"]) == (HOOK, "#speech")
    said = [each.body["attachments"][0]["title"] for each in chat.received]
    assert [each.split()[:2] for each in said] == [["[FIRING:1]", "JobFailed"], ["[RESOLVED]", "JobFailed"]]


def test_a_server_that_nobody_vouches_for_gets_neither_letter_nor_password(
    engine: DockerClient, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    with MailServer(tls).served() as post:
        letters = {"to": "vision@example.com", "sender": "alerts@example.com", "server": post.address}
        settings = {
            "receivers": {"post": {"email": {**letters, "username": "alerts", "password": "mail"}}},
            "defaultReceiver": "post",
        }
        stranger = trustme.CA().cert_pem.bytes()
        with run(engine, built(engine, PROMETHEUS), tmp_path, settings, {"mail": "word"}, stranger) as alertmanager:
            alertmanager.fire(IDLE)
            eventually(lambda: alertmanager.failed("email"), 30, "the refusal")
    assert (post.received, post.logins) == ([], [])
