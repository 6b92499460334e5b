"""What is asked of Grafana's HTTP API: a folder, a data source, dashboards. Each request may be repeated."""

import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

SECONDS = 30
RETRY = {408, 429}
THERE = {409, 412}
"""How a folder that is there already is answered: 409, by older versions 412."""

_WHY = {
    401: "the token is not known there, or has expired",
    403: "the token's service account may not do that: it needs the role Editor",
    404: "nothing is there: the address may lack Grafana's path",
}
_LONGEST = 300

Object = Mapping[str, Any]


class Refused(Exception):
    """Grafana's answer, where it would be the same another time."""


class Unreachable(Exception):
    """No answer, or one that may be another in a while."""


class _NoRedirects(HTTPRedirectHandler):
    """The token goes to the declared address and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


class Grafana:
    """One server, as the service account that a token is of."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }
        self._opener = build_opener(_NoRedirects, HTTPSHandler(context=ssl.create_default_context()))

    def put_folder(self, uid: str, title: str) -> None:
        """A folder that is there stays as it is, with all that others have put into it."""
        self._ask("POST", "/api/folders", {"uid": uid, "title": title}, expected=THERE)

    def put_dashboard(self, dashboard: Object, folder: str) -> str:
        """Whatever has its uid is overwritten; returns the path to look at it."""
        body = {"dashboard": dashboard, "folderUid": folder, "overwrite": True, "message": "ml-platform"}
        _, answer = self._ask("POST", "/api/dashboards/db", body)
        return str(answer.get("url", ""))

    def datasource(self, name: str) -> str:
        """The uid of one that is there, or just its name where the service account may not look it up."""
        status, answer = self._ask("GET", f"/api/datasources/name/{quote(name, safe='')}", expected={403, 404})
        if status == 404:
            raise Refused(f"{self.url} has no data source '{name}'; declare the name of one that it has")
        return str(answer["uid"]) if status == 200 else name

    def put_datasource(self, datasource: Object) -> None:
        """Made, or brought to what it shall be."""
        path = f"/api/datasources/uid/{datasource['uid']}"
        status, _ = self._ask("GET", path, expected={404})
        if status == 404:
            self._ask("POST", "/api/datasources", datasource)
        else:
            self._ask("PUT", path, datasource)

    def _ask(
        self, method: str, path: str, body: Object | None = None, expected: set[int] | None = None
    ) -> tuple[int, Object]:
        """Status and answer: a good one, or one of those `expected`. Raises `Refused` and `Unreachable`."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}", data, dict(self._headers), method=method)
        what = f"{method} {self.url}{path}"
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return answer.status, _object(what, answer.read())
        except HTTPError as error:
            with error:
                if error.code in (expected or set()):
                    return error.code, {}
                words = f"{what}: {error.code} {error.reason}{_said(error)}"
            if error.code >= 500 or error.code in RETRY:
                raise Unreachable(words) from None
            raise Refused(f"{words}; {_WHY[error.code]}" if error.code in _WHY else words) from None
        except (URLError, TimeoutError, ConnectionError) as error:
            raise Unreachable(f"{what}: {getattr(error, 'reason', None) or error}") from None


def _object(what: str, text: bytes) -> Object:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused(f"{what}: no answer of Grafana's API but some page; is there a login in front of it?")
    return found


def _said(error: HTTPError) -> str:
    """Grafana's own words, or where it sends callers to."""
    if elsewhere := error.headers.get("Location"):
        return f", at {elsewhere}; declare the address that answers itself"
    try:
        message = json.loads(error.read())["message"]
    except (ValueError, KeyError, TypeError, OSError):
        return ""
    return f": {str(message)[:_LONGEST]}"
