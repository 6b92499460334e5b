"""python account.py, in a container: an AWS account that hands a pod its role, and prints what it publishes."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

PORT = 8000
TOKEN = "token-of-the-pod"
ROLE = {"AccessKeyId": "KEYOFROLE", "SecretAccessKey": "x", "Token": "session", "Expiration": "2099-01-01T00:00:00Z"}


class Account(BaseHTTPRequestHandler):
    """The agent of EKS and SNS at one address."""

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == TOKEN
        self._answer(200 if known else 403, json.dumps(ROLE) if known else "")

    def do_POST(self) -> None:
        body = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        print(json.dumps({**body, "signature": self.headers["Authorization"]}), flush=True)
        self._answer(200, "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>")

    def _answer(self, code: int, text: str) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nothing but what was published is to be read."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), Account).serve_forever()
