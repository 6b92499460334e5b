"""Objects by S3's protocol, as far as a download needs it: HEAD, and GET of a whole object or a range."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

CHANGED, CHANGED_AT = "Tue, 01 Sep 2026 10:00:00 GMT", 1788256800.0


@dataclass
class Store:
    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    """By path: the bucket, a slash and the key."""
    refuses: bool = False
    """Answers 403."""
    stalls: bool = False
    """Sends no content."""
    asked: list[str] = field(default_factory=list)
    """Ranges of GET requests; empty for a whole object."""
    ended: Event = field(default_factory=Event)

    def environment(self, folder: Path) -> dict[str, str]:
        """As in a pod."""
        credentials = folder / "credentials"
        credentials.write_text("[default]\naws_access_key_id = reader\naws_secret_access_key = a-key\n")
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
            "NO_PROXY": "127.0.0.1",
        }


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


@contextmanager
def store() -> Iterator[Store]:
    found = Store()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._begin()

        def do_GET(self) -> None:
            found.asked.append(self.headers.get("Range", ""))
            content = self._begin()
            if found.stalls:
                found.ended.wait()
            self.wfile.write(content)

        def _begin(self) -> bytes:
            """Sends all but the content, and returns that."""
            assert "Credential=reader/" in self.headers["Authorization"]
            content = found.objects.get(self.path.removeprefix("/"))
            if found.refuses or content is None:
                self._head(403 if found.refuses else 404, b"")
                return b""
            headers = {"ETag": f'"{digest(content)}"', "Last-Modified": CHANGED}
            asked = self.headers.get("Range", "").removeprefix("bytes=")
            if not asked:
                self._head(200, content, **headers)
                return content
            first, last = (int(each) if each else len(content) - 1 for each in asked.split("-"))
            part = content[first : last + 1]
            self._head(206, part, **headers, **{"Content-Range": f"bytes {first}-{last}/{len(content)}"})
            return part

        def _head(self, status: int, content: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        found.ended.set()
        server.shutdown()
        server.server_close()
