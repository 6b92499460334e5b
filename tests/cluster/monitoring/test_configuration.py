"""A broken rule file does not replace a working one: not while Prometheus runs, and not when it starts again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.monitoring.world import World
from tests.waiting import eventually

BROKEN = "groups: [{name: broken, rules: [{alert: Broken, expr: 'sum('}]}]"
_NOTICED = 180
"""Seconds: the kubelet looks after mounted files once a minute on most clusters."""
_OK = 'prometheus_config_last_reload_successful{job="prometheus"}'
"""Of a pod that has gone there is still its last word for some minutes."""


def refused(world: World) -> bool:
    return world.value(f"min({_OK})") == 0


def read(world: World) -> bool:
    return world.value(f"max({_OK})") == 1


@pytest.fixture
def rules(world: World) -> Iterator[str]:
    """The rules as they were, and as they are again afterwards."""
    text = str(world.core.read_namespaced_config_map("prometheus", world.platform).data["rules.yml"])
    working = alerts(world)
    yield text
    give(world, text)
    eventually(lambda: read(world) and alerts(world) == working, _NOTICED, "the working rules")


def give(world: World, text: str) -> None:
    world.core.patch_namespaced_config_map("prometheus", world.platform, {"data": {"rules.yml": text}})


def alerts(world: World) -> set[str]:
    groups = world.ask("rules?type=alert")["groups"]
    return {rule["name"] for group in groups for rule in group["rules"]}


def pods(world: World) -> list[Any]:
    """Those that are to stay."""
    found = world.core.list_namespaced_pod(world.platform, label_selector="app.kubernetes.io/name=prometheus").items
    return [each for each in found if each.metadata.deletion_timestamp is None]


def replaced(world: World, uid: str) -> bool:
    """Whether there is another, and it is ready."""
    others = [each for each in pods(world) if each.metadata.uid != uid]
    return any(world.is_ready(world.platform, each.metadata.name) for each in others)


def test_a_changed_rule_is_read_without_a_restart(world: World, rules: str) -> None:
    (before,) = pods(world)
    assert "GpuIdle" in alerts(world)
    give(world, rules.replace("GpuIdle", "GpuVeryIdle"))
    eventually(lambda: "GpuVeryIdle" in alerts(world), _NOTICED, "the changed rule")
    (after,) = pods(world)
    assert after.metadata.uid == before.metadata.uid
    assert [each.restart_count for each in after.status.container_statuses] == [0]


def test_a_broken_rule_file_replaces_nothing_and_is_told(world: World, rules: str) -> None:
    working = alerts(world)
    give(world, BROKEN)
    eventually(lambda: refused(world), _NOTICED, "the refusal")
    assert alerts(world) == working
    eventually(lambda: world.told("MonitoringConfigRejected", "firing"), _NOTICED, "the news of it")


def test_with_a_broken_rule_file_it_starts_again_on_the_last_good_one(world: World, rules: str) -> None:
    working, (before,) = alerts(world), pods(world)
    give(world, BROKEN)
    eventually(lambda: refused(world), _NOTICED, "the refusal")
    world.core.delete_namespaced_pod(before.metadata.name, world.platform)
    eventually(lambda: replaced(world, before.metadata.uid), _NOTICED, "the new pod")
    assert alerts(world) == working
