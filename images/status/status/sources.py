"""Clients of the API server, Prometheus and Alertmanager. Requests time out; the page works without them."""

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API = "https://kubernetes.default.svc"
SECONDS = 5.0
AT_ONCE = 8
"""Concurrent requests to one server: a dashboard has many panels."""

Object = Mapping[str, Any]
Series = Mapping[str, Any]


class Unanswered(Exception):
    """A source did not answer; the text has the source and the reason, in one line."""


class Source:
    """A server that answers in JSON."""

    name = "a server"

    def __init__(
        self, url: str, transport: httpx.AsyncBaseTransport | None = None, verify: ssl.SSLContext | bool = True
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            transport=transport,
            verify=verify,
            trust_env=False,
            timeout=httpx.Timeout(SECONDS, pool=SECONDS * 4),
            limits=httpx.Limits(max_connections=AT_ONCE),
        )

    async def get(self, path: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Any:
        try:
            answer = await self._client.get(path, params=params, headers=headers)
        except httpx.TimeoutException:
            raise Unanswered(f"{self.name} did not answer within {SECONDS:.0f} s") from None
        except httpx.HTTPError as error:
            raise Unanswered(f"{self.name} cannot be reached: {error}") from None
        if answer.is_error:
            raise Unanswered(f"{self.name} answered {answer.status_code} {_reason(answer)}")
        try:
            return answer.json()
        except ValueError:
            raise Unanswered(f"{self.name} did not answer with JSON") from None


class Prometheus(Source):
    name = "Prometheus"

    async def now(self, query: str) -> Sequence[Series]:
        """The series of an instant vector."""
        return await self._series("/api/v1/query", {"query": query})

    async def over_time(self, query: str, start: float, end: float, step: float) -> Sequence[Series]:
        """The series of a range, a value every `step` seconds."""
        times = {"start": f"{start:.0f}", "end": f"{end:.0f}", "step": f"{step:.0f}"}
        return await self._series("/api/v1/query_range", {"query": query, **times})

    async def _series(self, path: str, params: Mapping[str, str]) -> Sequence[Series]:
        answer = await self.get(path, params)
        try:
            kind, result = answer["data"]["resultType"], answer["data"]["result"]
        except (KeyError, TypeError):
            raise Unanswered(f"{self.name} did not answer with a query result") from None
        series: Sequence[Series] = [{"metric": {}, "value": result}] if kind == "scalar" else result
        return series


class Alertmanager(Source):
    name = "Alertmanager"

    async def firing(self) -> Sequence[Object]:
        """Alerts that are neither silenced nor inhibited by another."""
        wanted = {"active": "true", "silenced": "false", "inhibited": "false"}
        alerts: Sequence[Object] = await self.get("/api/v2/alerts", wanted)
        return alerts


class Cluster(Source):
    """The API server, as the pod's own service account."""

    name = "the API server"

    def __init__(
        self, account: Path = ACCOUNT, url: str = API, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        trust = account / "ca.crt"
        verify = ssl.create_default_context(cafile=str(trust)) if trust.exists() else True
        super().__init__(url, transport, verify)
        self._token = account / "token"

    async def objects(self, path: str, **params: str) -> Sequence[Object]:
        """The objects at a path of the API."""
        try:
            token = self._token.read_text()  # renewed by the kubelet
        except OSError as error:
            raise Unanswered(f"{self.name} cannot be queried: {self._token}: {error.strerror}") from None
        items: Sequence[Object] = (await self.get(path, params, {"Authorization": f"Bearer {token}"}))["items"]
        return items


def _reason(answer: httpx.Response) -> str:
    """The error message of Prometheus or Kubernetes."""
    try:
        body = answer.json()
        return str(body.get("error") or body.get("message") or answer.reason_phrase)
    except (ValueError, AttributeError):
        return answer.reason_phrase
