"""The declared limits of requests reach an endpoint's pods."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.workloads.serving.settings import Serving
from tests.unit.components.recorder import platform, pods
from tests.unit.components.test_pods import env
from tests.unit.declaration.samples import refused, small


def test_pods_get_the_declared_limits() -> None:
    declared = {"serving.digits.maxRequestSize": "512Ki", "serving.digits.maxConcurrentRequests": 8}
    variables = env(pods(platform(small(**declared)))["Deployment digits"])
    assert variables["MAX_REQUEST_BYTES"] == str(512 * 2**10)
    assert variables["MAX_CONCURRENT_REQUESTS"] == "8"


def test_pods_get_the_defaults() -> None:
    """So that the fallbacks of an image, ours or a team's own, are never used."""
    variables = env(pods(platform(small()))["Deployment digits"])
    assert variables["MAX_REQUEST_BYTES"] == str(4 * 2**20)
    assert variables["MAX_CONCURRENT_REQUESTS"] == "32"


def test_the_default_size_fits_into_the_default_memory() -> None:
    endpoint = Serving.model_validate({"team": "vision", "image": "serving", "model": "digits"})
    assert (endpoint.max_request_size, endpoint.resources.memory) == ("4Mi", "512Mi")


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        (
            "maxRequestSize",
            "6Mi",
            "requests of 6Mi need up to 100 times their size in memory, and resources.memory is 512Mi; "
            "write at most 5242Ki, or more memory",
        ),
        (
            "maxRequestSize",
            "0Mi",
            "'0Mi' is not a size; write a number with Ki, Mi, Gi or Ti, such as 512Mi",
        ),
        ("maxConcurrentRequests", 0, "0 is out of range; write at least 1"),
    ],
)
def test_limits_that_can_t_hold_are_refused(setting: str, value: object, problem: str) -> None:
    (line,) = refused(Path(__file__).parents[3], **{f"serving.digits.{setting}": value})
    assert line == f"Pulumi.dev.yaml: platform.serving.digits.{setting}: {problem}"


def test_more_memory_admits_larger_requests() -> None:
    changes = {"serving.digits.maxRequestSize": "16Mi", "serving.digits.resources": {"memory": "2Gi"}}
    variables = env(pods(platform(small(**changes)))["Deployment digits"])
    assert variables["MAX_REQUEST_BYTES"] == str(16 * 2**20)
