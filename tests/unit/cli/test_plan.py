"""Why an update failed, from the engine's events."""

from __future__ import annotations

from typing import Any

from cli import plan

IMAGE = "urn:pulumi:dev::ml-platform::ml-platform:index:Images$docker:index/image:Image::training"
EXPORTER = "urn:pulumi:dev::ml-platform::kubernetes:apps/v1:DaemonSet::node-exporter"
BUILD = (
    "building 127.0.0.1:5000/training:a1 failed: The command '/bin/sh -c false' returned 1\nStep 2/2\nfull log: /tmp/l"
)


def error(message: str, urn: str = "") -> dict[str, Any]:
    return {"diagnosticEvent": {"severity": "error", "message": f"{message}\n", "urn": urn}}


def violated(level: str) -> dict[str, Any]:
    policy = {"policyName": "digests", "message": "images need a digest\n", "resourceUrn": EXPORTER}
    return {"policyEvent": {**policy, "enforcementLevel": level}}


def test_what_the_engine_has_cancelled_is_no_second_error() -> None:
    canceled = error("<{%reset%}>context canceled<{%reset%}>", EXPORTER)
    events = [error(BUILD, IMAGE), canceled, error("update failed")]
    assert [problem["urn"] for problem in plan.problems(events)] == [IMAGE]
    assert plan.why_failed(events) == f"training: {BUILD.splitlines()[0]}"


def test_an_interrupted_update_still_says_so() -> None:
    events = [error("context canceled", EXPORTER)]
    assert plan.why_failed(events) == "node-exporter: context canceled"


def test_a_violated_policy_is_a_reason_and_an_advisory_one_is_none() -> None:
    events = [violated("advisory"), error("preview failed")]
    assert plan.why_failed([violated("mandatory"), *events]) == "node-exporter: digests: images need a digest"
    assert plan.why_failed(events) == ""


def test_the_reason_of_a_failure_has_no_colours() -> None:
    assert plan.why_failed([error("\x1b[31merror: no such image\x1b[0m")]) == "no such image"
