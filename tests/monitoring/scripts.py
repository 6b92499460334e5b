"""What runs in the tests' own pods."""

RECEIVER = """
import http.server, json, sys

class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        known = self.headers["Authorization"] == "Bearer token-of-the-hook"
        if known:
            print(json.dumps(json.loads(text)), flush=True)
        self.send_response(200 if known else 401)
        self.end_headers()

    def log_message(self, *_):
        pass

http.server.HTTPServer(("", 8080), Hook).serve_forever()
"""
"""Prints what it is sent, one notification a line, if it comes with the declared secret.

One request at a time: two threads that print would share a line.
"""

ENDPOINT = """
import http.server, pathlib, threading, time, urllib.error, urllib.request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest

broken = pathlib.Path("/tmp/broken")
registry = CollectorRegistry()
names = ("model", "version", "code")
requests = Counter("inference_requests", "Answered.", names, registry=registry)
seconds = Histogram("inference_request_duration_seconds", "Time.", names, registry=registry, buckets=(0.1, 0.5, 1.0))

class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.end_headers()
        self.wfile.write(generate_latest(registry))

    def do_POST(self):
        code = 500 if broken.exists() else 200
        requests.labels("digits", "1", str(code)).inc()
        seconds.labels("digits", "1", str(code)).observe(0.01)
        self.send_response(code)
        self.end_headers()

    def log_message(self, *_):
        pass

def ask():
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:8080/infer", b"{}"), timeout=5).close()
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.2)

threading.Thread(target=ask, daemon=True).start()
http.server.ThreadingHTTPServer(("", 8080), Endpoint).serve_forever()
"""
"""Counts its answers as an endpoint of the platform does; fails them while a file is there."""
