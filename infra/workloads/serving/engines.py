"""What differs by an endpoint's engine: the paths of its API, how long its pods start and drain, and the responses of
the gateway itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pulumi_kubernetes.core.v1 import ProbeArgs

from infra.declaration.gateway import Expose
from infra.workloads.deployment import probe
from infra.workloads.serving.engine_rules import LLM_CONTEXT
from infra.workloads.serving.settings import Serving

_GRACE_SECONDS: Final = 40
"""The server drains: it accepts requests until all proxies have removed its endpoint, then finishes open ones."""
_LONGEST_INSIDE, _BESIDE_STREAMS = 60, 20
"""Seconds: streams of an endpoint that is not exposed; to drain before them, and to end after them."""
_RETRY_AFTER = 5
_REQUESTS_PER_CONNECTION = 100
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True)
class Refusal:
    """A response of the gateway in place of the endpoint's."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def override(self) -> Mapping[str, object]:
        """For a BackendTrafficPolicy."""
        added = [{"name": name, "value": value} for name, value in self.headers.items()]
        response = {
            "statusCode": self.status,
            "contentType": "application/json",
            "body": {"type": "Inline", "inline": json.dumps(self.body)},
            **({"header": {"set": added}} if added else {}),
        }
        codes = [{"type": "Value", "value": self.status}]
        return {"match": {"statusCodes": codes}, "source": "Local", "response": response}


def protocol(settings: Serving) -> str:
    """What the paths of its API begin with."""
    return "/v1" if settings.engine == "llm" else "/v2"


def refusals(settings: Serving, expose: Expose) -> Sequence[Refusal]:
    """In the form of the errors of its API."""
    again = {"Retry-After": str(_RETRY_AFTER)}
    if settings.engine == "mlflow":
        return [Refusal(503, {"error": "the endpoint does not answer; try again"}, again)]
    size, invalid = settings.max_request_size, "invalid_request_error"
    found = [
        _openai(401, "no valid API key; send it as 'Authorization: Bearer <key>'", invalid, "invalid_api_key"),
        _openai(413, f"the body is larger than {size}, the limit of this endpoint", invalid, "request_too_large"),
        _openai(503, "the endpoint does not answer; try again", "server_error", "service_unavailable", again),
        _openai(504, f"no response within {expose.timeout} s", "server_error", "timeout"),
    ]
    if expose.rate_limit is not None:
        limit = expose.rate_limit
        message = f"the limit of {limit.requests} requests per {limit.per} is exceeded"
        wait = {"Retry-After": str(_SECONDS[limit.per])}
        found.append(_openai(429, message, "rate_limit_error", "rate_limit_exceeded", wait))
    return found


def _openai(status: int, message: str, type_: str, code: str, headers: Mapping[str, str] | None = None) -> Refusal:
    error = {"message": message, "type": type_, "param": None, "code": code}
    return Refusal(status, {"error": error}, headers or {})


def requests_per_connection(settings: Serving) -> int:
    """After which the next one goes to a pod by chance, so that pods that are added get their part."""
    return 1 if settings.engine == "llm" else _REQUESTS_PER_CONNECTION


def grace_seconds(settings: Serving) -> int:
    """Longer than the longest stream."""
    return _longest(settings) + _BESIDE_STREAMS if settings.engine == "llm" else _GRACE_SECONDS


def startup_probe(settings: Serving) -> ProbeArgs:
    """A model of MLflow loads while its server is live; an LLM has as much time as a rollout."""
    if settings.engine == "mlflow":
        return health("live", period=1, failures=60)
    period = 2
    return health("ready", period=period, failures=-(-settings.timeout // period))


def variables(settings: Serving) -> dict[str, str]:
    """Those of its engine alone."""
    if settings.engine == "mlflow":
        return {}
    context = settings.context_length or LLM_CONTEXT
    found = {"CONTEXT_LENGTH": str(context), "GRACE_SECONDS": str(_longest(settings))}
    if settings.adapters:
        uris = {name: adapter.uri for name, adapter in settings.adapters.items()}
        found["ADAPTERS"] = json.dumps(uris, sort_keys=True)
    return found


def health(state: str, period: int, failures: int) -> ProbeArgs:
    return probe(f"/v2/health/{state}", period=period, failures=failures, timeout=2)


def _longest(settings: Serving) -> int:
    return settings.expose.timeout if settings.expose else _LONGEST_INSIDE
