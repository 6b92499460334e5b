"""Objects of the simulated cluster as JSON, thousands of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlencode

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from cli.objects import Object
from common.errors import CommandError
from offline.machine import ControlPlane

_AT_ONCE = 8
_SECONDS = Timeout(connect=5, read=120)
_GONE, _REFUSED = 404, 403
T = TypeVar("T")


class Refused(Exception):
    """By the quota of a namespace."""


class Api:
    """Of one control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane, self._server, self.require_running = plane, plane.server, plane.require_running
        headers = {"Authorization": f"Bearer {plane.token}", "Content-Type": "application/json"}
        self._pool = PoolManager(maxsize=_AT_ONCE, ca_certs=str(plane.authority), headers=headers, timeout=_SECONDS)

    def create(self, path: str, manifest: Object) -> None:
        """Raise Refused if a quota has no room for it."""
        self._send("POST", path, manifest)

    def merge(self, path: str, change: Mapping[str, Any]) -> None:
        """Change a part of an object; nothing if it is gone."""
        self._send("PATCH", path, change, {"Content-Type": "application/merge-patch+json"})

    def delete(self, path: str) -> None:
        """At once; nothing if it is gone."""
        self._send("DELETE", path, {"gracePeriodSeconds": 0})

    def items(self, path: str, **query: str) -> list[Object]:
        found = self._send("GET", f"{path}?{urlencode(query)}")
        return list((found or {}).get("items") or [])

    def at_once(self, call: Callable[[T], object], each: Iterable[T]) -> list[Any]:
        """The answers, in their order."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return list(threads.map(call, each))

    def _send(
        self, verb: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Object | None:
        given = {**self._pool.headers, **(headers or {})}
        content = None if body is None else json.dumps(body)
        try:
            response = self._pool.request(verb, f"{self._server}{path}", body=content, headers=given)
        except HTTPError as error:
            raise self._plane.silent("API server", error) from None
        if response.status == _GONE and verb in ("PATCH", "DELETE"):
            return None
        if response.status == _REFUSED and b"exceeded quota" in response.data:
            raise Refused(json.loads(response.data)["message"])
        if response.status >= 300:
            self.require_running()
            raise CommandError(f"the simulation refuses {verb} {path}", response.data.decode()[:500])
        found: Object = json.loads(response.data)
        return found
