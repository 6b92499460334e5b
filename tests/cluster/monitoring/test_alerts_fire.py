"""What goes wrong on the real cluster is told to a real receiver within the declared time, and so is its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from kubernetes import client
from rich.console import Console
from rich.table import Table

from infra.catalogue.names import SIMULATED_LABEL
from infra.declaration.alerts import ALERTS
from infra.declaration.monitoring import AlertSettings, Monitoring
from tests.cluster.monitoring.lookup import KNOWN, UNKNOWN
from tests.cluster.monitoring.world import World
from tests.waiting import eventually

_SLACK = 60
"""Seconds that a busy machine may take beyond what is declared."""
_END = 240
"""Seconds until what is mended is told: the windows that alerts look back over, and slack."""


@dataclass(frozen=True)
class Trouble:
    """`sign`: how it shows, before anybody has looked at a metric, that it has begun."""

    alert: str
    begin: Callable[[World], object]
    sign: Callable[[World], object]
    end: Callable[[World], object]
    labels: dict[str, str]
    summary: str = ""
    """What is in it."""


def crash(world: World) -> None:
    world.core.create_namespaced_pod(world.team, world.pod("crashing", "raise SystemExit(1)", {"app": "crashing"}))


def waits_to_be_restarted(world: World) -> bool:
    """For the second time: the first wait may be over before anybody has looked."""
    statuses = world.core.read_namespaced_pod("crashing", world.team).status.container_statuses or []
    waiting = [each for each in statuses if each.state.waiting and each.state.waiting.reason == "CrashLoopBackOff"]
    return any(each.restart_count > 1 for each in waiting)


def ask_for(word: int) -> Callable[[World], object]:
    return lambda world: setattr(world, "word", word)


def greedy(world: World) -> dict[str, Any]:
    """It asks for more GPUs than a node has."""
    pod = world.pod("greedy", "pass", {"app": "greedy", SIMULATED_LABEL: "true"}, restart="Never")
    amounts = {"cpu": "1", "memory": "64Mi", "nvidia.com/gpu": "16"}
    pod["spec"]["containers"][0]["resources"] = {"requests": amounts, "limits": amounts}
    pod["spec"]["nodeSelector"] = {SIMULATED_LABEL: "true"}
    pod["spec"]["tolerations"] = [{"operator": "Exists"}]
    return pod


def unplaceable(world: World) -> None:
    world.core.create_namespaced_pod(world.team, greedy(world))


def ask_for_too_many_cores(world: World) -> None:
    pod = world.pod("large", "pass", {"app": "large"}, restart="Never")
    amounts = {"cpu": "500", "memory": "64Mi"}
    pod["spec"]["containers"][0]["resources"] = {"requests": amounts, "limits": amounts}
    world.core.create_namespaced_pod(world.team, pod)


def run_out_of_time(world: World) -> None:
    start_job(world, "late", greedy(world), activeDeadlineSeconds=10)


def ask_for_what_is_refused(world: World) -> None:
    pod = world.pod("privileged", "pass", {"app": "privileged"}, restart="Never")
    pod["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    start_job(world, "refused", pod)


def start_job(world: World, name: str, pod: dict[str, Any], **settings: int) -> None:
    template = {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]}
    job = {"metadata": {"name": name}, "spec": {"template": template, **settings}}
    client.BatchV1Api(world.core.api_client).create_namespaced_job(world.team, job)


def has_given_up(world: World) -> bool:
    job = client.BatchV1Api(world.core.api_client).read_namespaced_job("late", world.team)
    return any(each.type == "Failed" for each in job.status.conditions or [])


def was_refused(world: World) -> bool:
    events = world.core.list_namespaced_event(world.team, field_selector="involvedObject.name=refused").items
    return any(each.reason == "FailedCreate" for each in events)


def delete_job(name: str) -> Callable[[World], object]:
    return lambda world: client.BatchV1Api(world.core.api_client).delete_namespaced_job(
        name, world.team, propagation_policy="Background"
    )


def unschedulable(name: str) -> Callable[[World], object]:
    def sign(world: World) -> bool:
        conditions = world.core.read_namespaced_pod(name, world.team).status.conditions or []
        return any(each.reason == "Unschedulable" for each in conditions)

    return sign


def readings(text: str | None) -> Callable[[World], object]:
    change = {"metadata": {"annotations": {"gpu-0.ml-platform.io/readings": text}}}
    return lambda world: world.core.patch_node(world.gpu_node, change)


def delete(name: str) -> Callable[[World], object]:
    return lambda world: world.core.delete_namespaced_pod(name, world.team, grace_period_seconds=0)


TROUBLES = (
    Trouble("PodCrashLoops", crash, waits_to_be_restarted, delete("crashing"), {"pod": "crashing"}),
    Trouble(
        "ServingFailing",
        ask_for(UNKNOWN),
        lambda world: world.answered == HTTPStatus.INTERNAL_SERVER_ERROR,
        ask_for(KNOWN),
        {"endpoint": "digits", "severity": "critical"},
    ),
    Trouble(
        "GpuJobPending",
        unplaceable,
        unschedulable("greedy"),
        delete("greedy"),
        {"pod": "greedy"},
        "no node has that many GPUs free",
    ),
    Trouble(
        "PodUnschedulable",
        ask_for_too_many_cores,
        unschedulable("large"),
        delete("large"),
        {"pod": "large"},
        "fits no node",
    ),
    Trouble(
        "JobFailed",
        run_out_of_time,
        has_given_up,
        delete_job("late"),
        {"job_name": "late", "reason": "DeadlineExceeded"},
        "one of its pods was never scheduled",
    ),
    Trouble("JobRefused", ask_for_what_is_refused, was_refused, delete_job("refused"), {"job_name": "refused"}),
    Trouble(
        "GpuXidError",
        readings("DCGM_FI_DEV_XID_ERRORS=79"),
        lambda world: True,
        readings(None),
        {"gpu": "0", "simulated": "true", "severity": "critical", "team": "platform", "xid": "79"},
    ),
)


@pytest.fixture(scope="module")
def timings() -> Iterator[dict[str, list[float]]]:
    """Seconds from a sign of trouble to its news, and from its end to the news of that."""
    found: dict[str, list[float]] = {}
    yield found
    table = Table("alert", "declared", "told after", "end told after")
    for alert, (declared, told, ended) in found.items():
        table.add_row(alert, f"{declared:.0f} s", f"{told:.1f} s", f"{ended:.1f} s")
    Console(width=100).print(table)


def declared_seconds(world: World, alert: str) -> float:
    """Two scrapes, the alert's `for`, one evaluation, and the notification's waits."""
    settings = Monitoring.model_validate(world.settings())
    declared = settings.alerts.get(alert, AlertSettings()).for_
    for_ = ALERTS[alert].for_ if declared is None else declared
    notifications = settings.notifications
    return for_ + 3 * settings.scrape_interval + notifications.group_wait + notifications.group_interval


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.alert)
def test_trouble_is_told_and_so_is_its_end(world: World, trouble: Trouble, timings: dict[str, list[float]]) -> None:
    declared = declared_seconds(world, trouble.alert)
    eventually(lambda: world.value("count(up == 0)") is None and world.value("up"), 120, "all targets")
    assert world.told(trouble.alert, "firing") == []
    trouble.begin(world)
    eventually(lambda: trouble.sign(world), 120, f"the trouble for {trouble.alert}")
    begun = time.monotonic()
    (told, *_) = eventually(lambda: world.told(trouble.alert, "firing"), declared + _SLACK, trouble.alert)
    seconds = time.monotonic() - begun
    expect(told, trouble)
    trouble.end(world)
    mended = time.monotonic()
    eventually(lambda: world.told(trouble.alert, "resolved"), _END, f"the end of {trouble.alert}")
    timings[trouble.alert] = [declared, seconds, time.monotonic() - mended]


def expect(told: dict[str, Any], trouble: Trouble) -> None:
    assert trouble.labels.items() <= told["labels"].items()
    assert told["annotations"]["summary"]
    assert trouble.summary in told["annotations"]["summary"]
    assert told["annotations"]["runbook_url"] == f"docs/runbooks/{trouble.alert}.md"
