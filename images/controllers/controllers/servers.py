"""Clients of Alertmanager and of the API server. Requests time out."""

import http.client
import json
import ssl
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API = "https://kubernetes.default.svc"
SECONDS = 10
WANTED = [("active", "true"), ("silenced", "false"), ("inhibited", "false")]

Object = Mapping[str, Any]


class Unanswered(Exception):
    """A server did not answer, or refused; the text says which, and why."""


class Server:
    def __init__(self, url: str, trust: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._opener = build_opener(ProxyHandler({}), HTTPSHandler(context=trust))

    def call(self, path: str, headers: Mapping[str, str] | None = None, patch: Any = None) -> Any:
        body = None if patch is None else json.dumps(patch).encode()
        method = "GET" if patch is None else "PATCH"
        request = Request(f"{self._url}{path}", body, dict(headers or {}), method=method)
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise Unanswered(f"{method} {self._url}{path}: {error.code} {error.reason}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unanswered(f"{method} {self._url}{path}: {error}") from None


class Alertmanager(Server):
    def firing(self, matchers: Sequence[str]) -> Iterable[Object]:
        """Alerts that are neither silenced nor inhibited by another."""
        wanted = [*WANTED, *(("filter", matcher) for matcher in matchers)]
        alerts: Iterable[Object] = self.call(f"/api/v2/alerts?{urlencode(wanted)}")
        return alerts


class Cluster(Server):
    """The API server, as the pod's own service account."""

    def __init__(self, account: Path = ACCOUNT, url: str = API) -> None:
        super().__init__(url, ssl.create_default_context(cafile=str(account / "ca.crt")))
        self._token = account / "token"

    def read(self, path: str) -> Any:
        return self.call(path, self._login())

    def patch(self, path: str, patch: Any) -> None:
        """A JSON merge patch, or a JSON patch where it is a list."""
        kind = "json-patch" if isinstance(patch, list) else "merge-patch"
        self.call(path, {**self._login(), "Content-Type": f"application/{kind}+json"}, patch)

    def _login(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.read_text()}"}  # renewed by the kubelet
