"""What the status page is told, and where it may look."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.components.recorder import Recorder, created, inputs, platform
from tests.unit.declaration.samples import GONE, on_aws, small

BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"


def told(recorder: Recorder) -> dict[str, Any]:
    content = inputs(recorder, "kubernetes:core/v1:ConfigMap", "status")["data"]["stack.json"]
    return dict(json.loads(content))


def looked_into(recorder: Recorder) -> set[str]:
    bindings = [inputs(recorder, BINDING, name) for name in created(recorder, BINDING)]
    return {each["metadata"]["namespace"] for each in bindings if each["roleRef"]["name"] == "ml-platform-status"}


def test_pools_without_gpus_are_none_of_its_gpu_pools() -> None:
    recorder = platform(small(monitoring={}))
    assert told(recorder)["pools"] == {"a10g": True}
    assert told(platform(on_aws(monitoring={})))["pools"] == {"a10g": False, "h100": False}


def test_what_sees_devices_of_nodes_is_looked_at_where_there_is_such() -> None:
    recorder = platform(on_aws(monitoring={}))
    assert told(recorder)["devices"] == "ml-platform-devices"
    assert looked_into(recorder) == {"ml-platform", "ml-platform-devices", "vision", "speech"}


def test_without_real_gpus_there_is_nothing_more_to_look_at() -> None:
    for declaration in (
        small(monitoring={}),
        on_aws(monitoring={}, **{"nodePools.a10g": GONE, "nodePools.h100": GONE}),
    ):
        recorder = platform(declaration)
        assert told(recorder)["devices"] is None
        assert looked_into(recorder) == {"ml-platform", "vision", "speech"}
