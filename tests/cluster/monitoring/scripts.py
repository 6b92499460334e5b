"""What runs in the tests' own pods."""

RECEIVER = """
import http.server, json, sys

class Hook(http.server.BaseHTTPRequestHandler):
    timeout = 10

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

REGISTER = """
import base64, pathlib, sys
from mlflow.tracking import MlflowClient

folder = pathlib.Path("/models/given")
folder.mkdir(exist_ok=True)
(folder / "model.onnx").write_bytes(base64.b64decode(sys.argv[1]))
(folder / "MLmodel").write_text("flavors: {onnx: {data: model.onnx}}")
client = MlflowClient()
client.create_registered_model("digits")
client.create_model_version("digits", source=str(folder))
client.set_registered_model_alias("digits", "champion", "1")
"""
"""Makes a model the champion of a registry that is a folder."""
