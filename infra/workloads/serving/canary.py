"""Canaries in the declaration, with the rules for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from infra.catalogue.alerts.gateway import MIN_FAILED, MIN_REQUESTS, CanaryLimit
from infra.declaration.problems import Problem
from infra.declaration.types import Increase, Name, Percentage, Seconds, Settings, written
from infra.workloads.serving.weights import Weights

if TYPE_CHECKING:
    from infra.declaration.model import Platform
    from infra.workloads.serving.settings import Serving

_LONGEST_NAME = 63
"""Of a Service."""
_SHORTEST_WINDOW, _LONGEST_WINDOW = 30, 86400


def _window(seconds: int) -> int:
    if not _SHORTEST_WINDOW <= seconds <= _LONGEST_WINDOW:
        raise ValueError(f"{seconds}s is out of range; write {_SHORTEST_WINDOW}s to {_LONGEST_WINDOW // 3600}h")
    return seconds


class Rollback(Settings):
    """When a canary is rolled back automatically: it has served requests for `window`, and was worse than the endpoint
    over that time. It gets no more requests, an alert tells its team, and it stays so until another canary is declared.
    """

    error_rate: Percentage = Field(
        default=written("2%"),
        description="By how many percentage points more of its requests than of the endpoint's fail with 5xx",
    )
    latency: Increase = Field(
        default=written("50%"), description="By how much longer its requests take than the endpoint's, on average"
    )
    window: Annotated[Seconds, AfterValidator(_window)] = Field(
        default=written("2m"),
        description=f"Over which time both are compared; each needs {MIN_REQUESTS} requests in it, and a canary that "
        f"fails {MIN_FAILED} failed ones",
    )


class Canary(Settings):
    """Another version beside the one that is served. To promote it, write its `version`, `weights` or `image` into
    the endpoint and remove `canary`. To roll it back, remove `canary`, or write `percent: 0`.
    """

    version: int | None = Field(default=None, ge=1, description="The version of the model; none: as the endpoint")
    weights: Weights | None = Field(
        default=None, description="Other weights of an endpoint with `weights`; none: as the endpoint"
    )
    image: Name | None = Field(default=None, description="The image, a name in `images`; none: as the endpoint")
    percent: int = Field(
        ge=0, le=100, description="Requests through the gateway that it answers, of 100. It gets them once it is ready"
    )
    mirror: bool = Field(
        default=False,
        description="Mirror every request to it, and discard its responses, which are compared with the endpoint's "
        "(not with `engine: llm`); only with `percent: 0`",
    )
    replicas: int = Field(default=1, ge=1, le=100, description="Number of its pods")
    rollback: Rollback | None = Field(
        default=None, description="When it is rolled back automatically; needs `monitoring`. None: never"
    )


def canary_name(endpoint: str) -> str:
    """Of the Deployment and the Service of an endpoint's canary."""
    return f"{endpoint}-canary"


def is_compared(endpoint: Serving) -> bool:
    """Whether its canary compares answers to mirrored requests: generated texts differ from one time to the next."""
    return endpoint.canary is not None and endpoint.canary.mirror and endpoint.engine == "mlflow"


def pods_name(endpoint: str) -> str:
    """Of the Service by which a canary with `mirror` finds the endpoint's pods."""
    return f"{endpoint}-pods"


def canary_limits(platform: Platform) -> list[CanaryLimit]:
    """For the rules of Prometheus."""
    declared = [(name, each, each.canary.rollback) for name, each in platform.serving.items() if each.canary]
    return [
        CanaryLimit(each.team, name, limit.error_rate / 100, limit.latency / 100, limit.window)
        for name, each, limit in declared
        if limit
    ]


def canaries_can_be_reached(platform: Platform, root: Path) -> Iterator[Problem]:
    """Only the gateway divides requests, and a canary differs from its endpoint."""
    for name, endpoint in platform.serving.items():
        canary, path = endpoint.canary, f"serving.{name}.canary"
        if canary is None:
            continue
        if endpoint.expose is None:
            message = "requests are divided by the gateway, and the endpoint is not exposed"
            yield Problem(path, f"{message}; write serving.{name}.expose, or remove it")
        if _is_the_same(canary, endpoint):
            other = "weights" if endpoint.weights else "version"
            yield Problem(path, f"is what the endpoint serves; write another '{other}' or 'image', or remove it")
        if canary.mirror and canary.percent:
            message = f"it would get {canary.percent} % of the requests twice"
            yield Problem(f"{path}.mirror", f"{message}; write percent: 0, or mirror: false")
        for taken in (canary_name(name), *([pods_name(name)] if is_compared(endpoint) else [])):
            if taken in platform.serving:
                yield Problem(f"serving.{taken}", f"the canary of '{name}' has this name; write another one")
        if len(canary_name(name)) > _LONGEST_NAME:
            most = _LONGEST_NAME - len(canary_name(""))
            yield Problem(f"serving.{name}", f"with a canary, write a name of at most {most} characters")


def _is_the_same(canary: Canary, endpoint: Serving) -> bool:
    """As what the endpoint serves."""
    return (
        canary.version in (None, endpoint.version)
        and canary.weights in (None, endpoint.weights)
        and canary.image in (None, endpoint.image)
    )


def canaries_can_be_compared(platform: Platform, root: Path) -> Iterator[Problem]:
    """Prometheus compares what the gateway measures."""
    for name, endpoint in platform.serving.items():
        canary, path = endpoint.canary, f"serving.{name}.canary.rollback"
        if canary is None or canary.rollback is None:
            continue
        if platform.monitoring is None:
            yield Problem(
                path, "does nothing without 'monitoring', which compares requests; declare it, or remove this"
            )
        if not 0 < canary.percent < 100:
            what = "serves no requests" if not canary.percent else "leaves the endpoint no requests to compare with"
            yield Problem(path, f"the canary {what}; write a percent of 1 to 99, or remove this")


CANARY_RULES = (canaries_can_be_reached, canaries_can_be_compared)
