"""Servers that answer as the HTTP APIs of Grafana and of Amazon Managed Grafana are documented to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import unquote

Object = dict[str, Any]
Answer = tuple[int, Object]
Reply = tuple[int, dict[str, str], bytes]


class Api(Protocol):
    def reply(self, method: str, path: str, authorization: str, body: Object) -> Reply: ...


def as_json(answer: Answer) -> Reply:
    return answer[0], {"Content-Type": "application/json"}, json.dumps(answer[1]).encode()


@dataclass
class Held:
    """What a Grafana has. `role` is the token's; `instead` is answered to everything, if it is set."""

    token: str = "glsa_right"
    role: str = "Editor"
    folders: dict[str, str] = field(default_factory=dict)
    dashboards: dict[str, Object] = field(default_factory=dict)
    datasources: dict[str, Object] = field(default_factory=dict)
    instead: Reply | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def reply(self, method: str, path: str, authorization: str, body: Object) -> Reply:
        self.asked.append((method, path))
        if self.instead:
            return self.instead
        if authorization != f"Bearer {self.token}":
            return as_json((401, {"message": "Invalid API key"}))
        return as_json(self._answer(method, path, body))

    def _answer(self, method: str, path: str, body: Object) -> Answer:
        match method, path.split("/")[2:]:
            case "POST", ["folders"]:
                return self._folder(body)
            case "POST", ["dashboards", "db"]:
                return self._dashboard(body)
            case _, ["datasources", *rest] if self.role != "Admin":
                return 403, {"message": f"You'll need additional permissions to perform this action: {rest}"}
            case "GET", ["datasources", "name", name]:
                found = [each for each in self.datasources.values() if each["name"] == unquote(name)]
                return (200, found[0]) if found else (404, {"message": "Data source not found"})
            case "GET", ["datasources", "uid", uid]:
                held = self.datasources.get(uid)
                return (200, held) if held else (404, {"message": "Data source not found"})
            case "PUT", ["datasources", "uid", uid] if uid in self.datasources:
                self.datasources[uid] = body
                return 200, {"datasource": body, "message": "Datasource updated", "name": body["name"]}
            case "POST", ["datasources"]:
                if body["uid"] in self.datasources:
                    return 409, {"message": "data source with the same name already exists"}
                self.datasources[body["uid"]] = body
                return 200, {"datasource": body, "message": "Datasource added", "name": body["name"]}
        return 404, {"message": "Not found"}

    def _folder(self, body: Object) -> Answer:
        if len(body["uid"]) > 40:
            return 400, {"message": "uid too long, max 40 characters"}
        if body["uid"] in self.folders:
            return 409, {"message": "a folder with the same UID already exists"}
        self.folders[body["uid"]] = body["title"]
        return 200, {"id": 1, "uid": body["uid"], "title": body["title"], "url": f"/dashboards/f/{body['uid']}"}

    def _dashboard(self, body: Object) -> Answer:
        dashboard, folder = body["dashboard"], body.get("folderUid")
        if dashboard.get("id") is not None:
            return 404, {"message": "Dashboard not found", "status": "not-found"}
        if folder not in self.folders:
            return 400, {"message": "folder not found"}
        if len(dashboard["uid"]) > 40:
            return 400, {"message": "uid too long, max 40 characters"}
        before = self.dashboards.get(dashboard["uid"])
        if before and not body.get("overwrite"):
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        version = before["version"] + 1 if before else 1
        self.dashboards[dashboard["uid"]] = {**dashboard, "version": version, "folderUid": folder}
        url = f"/d/{dashboard['uid']}/{dashboard['title'].lower().replace(' ', '-')}"
        return 200, {"id": 1, "uid": dashboard["uid"], "url": url, "status": "success", "version": version}


@dataclass
class Workspace:
    """Amazon Managed Grafana's own API, for one workspace; it gives out the `key` and looks at no signature."""

    key: str
    accounts: list[Object] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    refused: bool = False

    PATH = "/workspaces/g-0123456789/serviceaccounts"

    def reply(self, method: str, path: str, authorization: str, body: Object) -> Reply:
        self.asked.append((method, path.removeprefix(self.PATH)))
        assert authorization.startswith("AWS4-HMAC-SHA256 "), authorization
        if self.refused:
            return 403, {"x-amzn-ErrorType": "AccessDeniedException"}, b'{"message": "not allowed"}'
        return as_json((200, {"workspaceId": "g-0123456789", **self._answer(method, path, body)}))

    def _answer(self, method: str, path: str, body: Object) -> Object:
        match method, path.removeprefix(self.PATH):
            case "GET", "":
                return {"serviceAccounts": self.accounts}
            case "POST", "":
                made = {"id": "7", "name": body["name"], "grafanaRole": body["grafanaRole"]}
                self.accounts.append({**made, "isDisabled": "false"})
                return made
            case "POST", "/7/tokens":
                assert body["secondsToLive"] == 600
                return {
                    "serviceAccountId": "7",
                    "serviceAccountToken": {"id": "3", "name": body["name"], "key": self.key},
                }
            case "DELETE", "/7/tokens/3":
                return {"serviceAccountId": "7", "tokenId": "3"}
        raise AssertionError(f"{method} {path}")


@contextmanager
def serving(api: Api) -> Iterator[str]:
    """Its address, for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            status, headers, text = api.reply(self.command, self.path, self.headers["Authorization"], body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = _handle

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
