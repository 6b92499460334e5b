"""A pull request's comments on loopback, as GitHub's API offers them."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class GitHub(ThreadingHTTPServer):
    """The part of GitHub's API that holds the comments of one pull request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.comments: list[dict[str, Any]] = []
        self.refuses = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def say(self, body: str) -> dict[str, Any]:
        number = len(self.comments)
        url = f"{self.address}/repos/o/n/issues/comments/{number}"
        self.comments.append({"url": url, "html_url": f"https://example.com/#{number}", "body": body})
        return self.comments[-1]


class _Handler(BaseHTTPRequestHandler):
    server: GitHub

    def do_GET(self) -> None:
        page = int(self.path.rpartition("page=")[2])
        self._answer(200, self.server.comments[(page - 1) * 100 : page * 100])

    def do_POST(self) -> None:
        if self.server.refuses or self.headers["Authorization"] != "Bearer a-token":
            return self._answer(403, {})
        return self._answer(201, self.server.say(self._body()))

    def do_PATCH(self) -> None:
        comment = self.server.comments[int(self.path.rpartition("/")[2])]
        comment["body"] = self._body()
        self._answer(200, comment)

    def _body(self) -> str:
        return str(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"])

    def _answer(self, status: int, content: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, format: str, *args: object) -> None:
        """A test's output is its own."""
