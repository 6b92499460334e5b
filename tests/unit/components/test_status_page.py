"""The declaration that the status page gets, and the namespaces that it may read."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.components.recorder import Recorder, created, inputs, platform
from tests.unit.declaration.samples import GONE, on_aws, small

BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"


def declared(recorder: Recorder) -> dict[str, Any]:
    content = inputs(recorder, "kubernetes:core/v1:ConfigMap", "status")["data"]["stack.json"]
    return dict(json.loads(content))


def watched_namespaces(recorder: Recorder) -> set[str]:
    bindings = [inputs(recorder, BINDING, name) for name in created(recorder, BINDING)]
    return {each["metadata"]["namespace"] for each in bindings if each["roleRef"]["name"] == "ml-platform-status"}


def test_only_pools_with_gpus_are_listed() -> None:
    recorder = platform(small(monitoring={}))
    assert declared(recorder)["pools"] == {"a10g": {"labels": {"ml-platform.io/pool": "a10g"}, "simulated": True}}
    assert sorted(declared(platform(on_aws(monitoring={})))["pools"]) == ["a10g", "h100"]


def test_the_devices_namespace_is_watched_if_there_is_one() -> None:
    recorder = platform(on_aws(monitoring={}))
    assert declared(recorder)["devices"] == "ml-platform-devices"
    assert watched_namespaces(recorder) == {"ml-platform", "ml-platform-devices", "vision", "speech"}


def test_without_real_gpus_only_the_platform_and_the_teams_are_watched() -> None:
    for declaration in (
        small(monitoring={}),
        on_aws(monitoring={}, **{"nodePools.a10g": GONE, "nodePools.h100": GONE}),
    ):
        recorder = platform(declaration)
        assert declared(recorder)["devices"] is None
        assert watched_namespaces(recorder) == {"ml-platform", "vision", "speech"}
