"""Email and Slack messages arrive, at servers that require TLS and a secret."""

from __future__ import annotations

import ssl
from html import escape
from pathlib import Path

import pytest
import trustme
from docker import DockerClient

from infra.catalogue.alerts.monitoring import WATCHDOG
from infra.catalogue.images import PROMETHEUS
from tests.cluster.monitoring.alertmanager import run
from tests.cluster.monitoring.images import built
from tests.cluster.monitoring.receivers import MailServer, Posts
from tests.waiting import eventually

HOOK = "/services/T0/B0/word-of-the-hook"
IDLE = {"alertname": "GpuIdle", "severity": "warning", "team": "vision", "node": "a10g-0"}
FAILED = {"alertname": "JobFailed", "severity": "warning", "team": "speech", "job_name": "words"}
SUMMARY = "<!channel> has given up & gone"
RUNBOOK = "https://example.com/runbooks/of-this.md"
ALIVE = {"alertname": WATCHDOG, "severity": "none", "team": "platform"}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_email_and_slack_arrive_and_a_renewed_secret_is_used_at_once(
    engine: DockerClient, authority: trustme.CA, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    with MailServer(tls).served() as post, Posts(tls).served() as chat:
        mail = {"to": "vision@example.com", "sender": "alerts@example.com", "server": post.address}
        settings = {
            "receivers": {
                "post": {"email": {**mail, "username": "alerts", "password": "mail"}},
                "chat": {"slack": {"channel": "#speech", "url": "chat-hook"}},
            },
            "routes": {"vision": "post", "speech": "chat"},
        }
        secrets = {"mail": "word-of-the-mail", "chat-hook": f"{chat.address}{HOOK}"}
        known = authority.cert_pem.bytes()
        with run(engine, built(engine, PROMETHEUS), tmp_path, settings, secrets, known) as alertmanager:
            alertmanager.fire(IDLE, FAILED, summary=SUMMARY, runbook_url=RUNBOOK)
            email = eventually(lambda: post.received[:1], 30, "the email")[0]
            message = eventually(lambda: chat.received[:1], 30, "the message")[0]
            (alertmanager.secrets / "mail").write_text("renewed")
            alertmanager.end(IDLE, FAILED, summary=SUMMARY, runbook_url=RUNBOOK)
            eventually(lambda: len(post.received) > 1 and len(chat.received) > 1, 30, "the news of the end")

    assert (email.sender, email.to) == ("alerts@example.com", ["vision@example.com"])
    assert post.logins == [("alerts", "word-of-the-mail"), ("alerts", "renewed")]
    assert [each.message["subject"].split()[0] for each in post.received] == ["[FIRING:1]", "[RESOLVED]"]
    assert "GpuIdle" in email.message["subject"]
    read = email.message.get_body().get_content()  # type: ignore[union-attr]  # an email without any text fails here
    assert [part for part in ("a10g-0", escape(SUMMARY), RUNBOOK) if part not in read] == []
    assert (message.path, message.body["channel"]) == (HOOK, "#speech")
    said = [each.body["attachments"][0] for each in chat.received]
    assert [each["title"] for each in said] == ["[FIRING:1] JobFailed (speech)", "[RESOLVED] JobFailed (speech)"]
    assert [each["title_link"] for each in said] == [RUNBOOK, RUNBOOK]
    line = "&lt;!channel&gt; has given up &amp; gone"
    assert [each["text"].splitlines() for each in said] == [
        [line, f"Runbook: {RUNBOOK}"],
        [f"resolved: {line}", f"Runbook: {RUNBOOK}"],
    ]


def test_a_runbook_that_is_a_path_is_named_and_no_link(
    engine: DockerClient, authority: trustme.CA, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    with Posts(tls).served() as chat:
        settings = {"receivers": {"chat": {"slack": {"channel": "#ml", "url": "hook"}}}, "defaultReceiver": "chat"}
        secrets, known = {"hook": f"{chat.address}{HOOK}"}, authority.cert_pem.bytes()
        with run(engine, built(engine, PROMETHEUS), tmp_path, settings, secrets, known) as alertmanager:
            alertmanager.fire(FAILED, {**FAILED, "job_name": "more"}, summary="gone", runbook_url="docs/runbooks/x.md")
            (said,) = eventually(lambda: chat.received[:1], 30, "the message")[0].body["attachments"]
    assert said["title"] == "[FIRING:2] JobFailed (speech)"
    assert "title_link" not in said
    assert said["text"] == "gone\ngone\nRunbook: docs/runbooks/x.md"


def test_a_sign_of_life_comes_every_minute_however_long_other_news_wait(engine: DockerClient, tmp_path: Path) -> None:
    with Posts().served() as hook:
        settings = {
            "receivers": {"hook": {"webhook": {"url": hook.address}}},
            "watchdog": "hook",
            "notifications": {"groupWait": "5m", "groupInterval": "10m"},
        }
        with run(engine, built(engine, PROMETHEUS), tmp_path, settings, {}) as alertmanager:
            alertmanager.fire(ALIVE)
            eventually(lambda: hook.told(WATCHDOG, "firing"), 30, "the first sign")
            eventually(lambda: len(hook.told(WATCHDOG, "firing")) > 1, 70, "another a minute later")


def test_a_server_with_an_untrusted_certificate_gets_neither_email_nor_password(
    engine: DockerClient, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    with MailServer(tls).served() as post:
        mail = {"to": "vision@example.com", "sender": "alerts@example.com", "server": post.address}
        settings = {
            "receivers": {"post": {"email": {**mail, "username": "alerts", "password": "mail"}}},
            "defaultReceiver": "post",
        }
        stranger = trustme.CA().cert_pem.bytes()
        with run(engine, built(engine, PROMETHEUS), tmp_path, settings, {"mail": "word"}, stranger) as alertmanager:
            alertmanager.fire(IDLE)
            eventually(lambda: alertmanager.failed("email"), 30, "the refusal")
    assert (post.received, post.logins) == ([], [])
