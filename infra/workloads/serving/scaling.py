"""How many pods an endpoint has, in the declaration, with the rules for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from infra.declaration.problems import Problem
from infra.declaration.types import Seconds, Settings, written

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_MOST = 100
_SHORTEST_TIME, _LONGEST_TIME = 10, 3600
_LEAST_TO_START = 30
"""Seconds."""
_LATENCY = re.compile(r"^(?:(\d{1,7})ms|(\d{1,4}(?:\.\d{1,3})?)s)$", re.ASCII)
_SHORTEST_LATENCY, _LONGEST_LATENCY = 0.01, 3600
"""Seconds. Proxies measure in whole milliseconds."""


def _time_to_go_down(seconds: int) -> int:
    if not _SHORTEST_TIME <= seconds <= _LONGEST_TIME:
        raise ValueError(f"{seconds}s is out of range; write {_SHORTEST_TIME}s to {_LONGEST_TIME // 3600}h")
    return seconds


def _latency(value: object) -> float:
    match = _LATENCY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a latency; write milliseconds or seconds, such as 300ms or 1.5s")
    seconds = int(match[1]) / 1000 if match[1] else float(match[2])
    if not _SHORTEST_LATENCY <= seconds <= _LONGEST_LATENCY:
        raise ValueError(f"{value} is out of range; write {_SHORTEST_LATENCY * 1000:g}ms to {_LONGEST_LATENCY}s")
    return seconds


class Replicas(Settings):
    """Between how many pods an endpoint has, by its requests through the gateway."""

    min: int = Field(
        ge=0,
        le=_MOST,
        description="Least pods. 0: none while there are no requests; the gateway holds the first one until a pod "
        "answers, which takes as long as a pod needs to start",
    )
    max: int = Field(ge=1, le=_MOST, description="Most pods, which the team's quota has to allow")
    scale_down_after: Annotated[Seconds, AfterValidator(_time_to_go_down)] = Field(
        default=written("5m"),
        description="How long fewer pods must have been enough before some go, and with `min: 0` how long there must "
        "have been no request before the last one goes",
    )

    @field_validator("max")
    @classmethod
    def _is_not_less(cls, value: int, info: ValidationInfo) -> int:
        least = info.data.get("min", 0)
        if value < least:
            raise ValueError(f"{value} is less than min: {least}; write at least {least}")
        return value

    @property
    def usual(self) -> int:
        """What plans and costs count: halfway, rounded up."""
        return -(-(self.min + self.max) // 2)

    @property
    def fixed(self) -> bool:
        """Whether there is nothing to scale."""
        return self.min == self.max


AverageLatency = Annotated[
    float,
    BeforeValidator(_latency),
    WithJsonSchema({"type": "string", "pattern": _LATENCY.pattern, "examples": ["300ms", "1.5s"]}),
]
"""Written with its unit, kept in seconds."""


class ScaleOn(Settings):
    """What of its requests decides how many pods an endpoint has: the measure that needs the most."""

    requests_in_flight: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Requests in flight for each pod, on average; less than `maxConcurrentRequests`, none: half of it",
    )
    latency: AverageLatency | None = Field(
        default=None,
        description="Target for the average latency, from the request to the last byte of its response; at most "
        "half of `expose.timeout`. None: pods are added by requests in flight only",
    )


def _range(value: object) -> object:
    """A number is a range of one."""
    if isinstance(value, Mapping | Replicas):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        written = str(value).lower() if isinstance(value, bool) else repr(value)
        raise ValueError(f"{written} is not a number of pods; write one, such as 2, or a range: {{min: 1, max: 4}}")
    if not 1 <= value <= _MOST:
        none = "; for none while there are no requests, write {min: 0, max: 1}" if value == 0 else ""
        raise ValueError(f"{value} is out of range; write 1 to {_MOST}{none}")
    return {"min": value, "max": value}


NumberOfPods = Annotated[int, Field(ge=1, le=_MOST)]
Pods = Annotated[Replicas, BeforeValidator(_range, json_schema_input_type=NumberOfPods | Replicas)]
"""Written as a number or a range, kept as a range."""


def scaled_endpoints_are_measured(platform: Platform, root: Path) -> Iterator[Problem]:
    """The gateway counts requests, and nothing else does."""
    for name, endpoint in platform.serving.items():
        path = f"serving.{name}"
        if not endpoint.replicas.fixed and endpoint.expose is None:
            message = "requests are counted by the gateway, and the endpoint is not exposed"
            yield Problem(f"{path}.replicas", f"{message}; write {path}.expose, or a number")
        if endpoint.replicas.fixed and endpoint.scale_on is not None:
            yield Problem(
                f"{path}.scaleOn", f"does nothing: {path}.replicas is a number; write a range, or remove this"
            )


def pods_are_added_before_they_refuse(platform: Platform, root: Path) -> Iterator[Problem]:
    """A pod refuses requests beyond its own limit."""
    for name, endpoint in platform.serving.items():
        wanted = endpoint.scale_on.requests_in_flight if endpoint.scale_on else None
        most = endpoint.max_concurrent_requests
        if wanted is not None and wanted >= most:
            message = f"a pod refuses more than {most} requests at a time, before another one is added"
            hint = f"write less than {most}, or raise serving.{name}.maxConcurrentRequests"
            yield Problem(f"serving.{name}.scaleOn.requestsInFlight", f"{message}; {hint}")


def latency_targets_can_be_exceeded(platform: Platform, root: Path) -> Iterator[Problem]:
    """The gateway ends requests that take longer than their timeout, and measures only those that it does not end."""
    for name, endpoint in platform.serving.items():
        target = endpoint.scale_on.latency if endpoint.scale_on else None
        if target is not None and endpoint.expose is not None and target > endpoint.expose.timeout / 2:
            message = f"the gateway ends requests after {endpoint.expose.timeout}s, and does not measure those"
            hint = f"write at most {endpoint.expose.timeout / 2:g}s, or raise serving.{name}.expose.timeout"
            yield Problem(f"serving.{name}.scaleOn.latency", f"{message}; {hint}")


def objectives_allow_cold_starts(platform: Platform, root: Path) -> Iterator[Problem]:
    """All latencies that an objective can have are shorter than the start of a pod."""
    for name, endpoint in platform.serving.items():
        declared: Any = platform.monitoring.objectives.get(name) if platform.monitoring else None
        if endpoint.replicas.min == 0 and declared is not None and "latency" in declared.model_fields_set:
            message = "the first request waits for a pod to start, longer than its latency objective allows"
            hint = f"write 1, or remove monitoring.objectives.{name}.latency"
            yield Problem(f"serving.{name}.replicas.min", f"{message}; {hint}")


def only_callers_wake_an_endpoint(platform: Platform, root: Path) -> Iterator[Problem]:
    """The gateway, which holds requests, must know who may send them."""
    for name, endpoint in platform.serving.items():
        if endpoint.replicas.min == 0 and endpoint.expose is not None and not endpoint.expose.callers:
            message = "anybody could wake the endpoint, which alone asks for its key"
            hint = f"write serving.{name}.expose.callers in place of serving.{name}.apiKey"
            yield Problem(f"serving.{name}.replicas.min", f"{message}; {hint}, or 1 here")


def requests_wait_for_a_start(platform: Platform, root: Path) -> Iterator[Problem]:
    """They are held for three quarters of their time. A language model may take as long to load as a rollout."""
    for name, endpoint in platform.serving.items():
        if endpoint.replicas.min or endpoint.expose is None:
            continue
        least = -(-endpoint.timeout * 4 // 3) if endpoint.engine == "llm" else _LEAST_TO_START
        if endpoint.expose.timeout < least:
            message = f"a request that wakes the endpoint may take longer than {endpoint.expose.timeout}s"
            yield Problem(f"serving.{name}.expose.timeout", f"{message}; write at least {least}s, or replicas.min: 1")


SCALING_RULES = (
    scaled_endpoints_are_measured,
    pods_are_added_before_they_refuse,
    latency_targets_can_be_exceeded,
    objectives_allow_cold_starts,
    only_callers_wake_an_endpoint,
    requests_wait_for_a_start,
)
