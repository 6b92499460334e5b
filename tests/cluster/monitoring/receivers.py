"""Receivers of alerts on this machine's loopback: one of webhooks, and a mail server."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.ports import free_port


@dataclass(frozen=True)
class Posted:
    """One request."""

    path: str
    body: dict[str, Any]


class Posts(HTTPServer):
    """Keeps what it is sent; one request at a time."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.received: list[Posted] = []
        self.address = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @contextmanager
    def served(self) -> Iterator[Posts]:
        """Until the end of the block."""
        thread = Thread(target=self.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()

    def told(self, alert: str, status: str) -> list[dict[str, Any]]:
        """What has been said about one alert in Alertmanager's own format."""
        said = [each for posted in self.received for each in posted.body["alerts"]]
        return [each for each in said if (each["labels"]["alertname"], each["status"]) == (alert, status)]


class _Post(BaseHTTPRequestHandler):
    server: Posts
    timeout = 10

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append(Posted(self.path, body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *arguments: object) -> None:
        """A test's output is its own."""


@dataclass(frozen=True)
class ReceivedEmail:
    """With those that the server was told of."""

    sender: str
    to: list[str]
    message: EmailMessage


class MailServer:
    """An SMTP server that accepts email over TLS after a login with any password."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.received: list[ReceivedEmail] = []
        self.logins: list[tuple[str, str]] = []
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=free_port(),
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            auth_require_tls=True,
            auth_exclude_mechanism=["LOGIN"],  # it asks for a "User Name", where clients wait for "Username:"
            authenticator=self._admit,
        )
        self.address = f"127.0.0.1:{self._controller.port}"

    @contextmanager
    def served(self) -> Iterator[MailServer]:
        """Until the end of the block."""
        self._controller.start()
        try:
            yield self
        finally:
            self._controller.stop()

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:
        assert session.ssl is not None and isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.received.append(ReceivedEmail(envelope.mail_from or "", envelope.rcpt_tos, message))
        return "250 OK"

    def _admit(self, _: SMTP, __: Session, ___: Envelope, ____: str, given: LoginPassword) -> AuthResult:
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=True)
