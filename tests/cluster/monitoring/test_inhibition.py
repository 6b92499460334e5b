"""What follows from something worse is not told while that goes on: a real Alertmanager, a real receiver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker import DockerClient

from infra.catalogue.images import PROMETHEUS
from tests.cluster.monitoring.alertmanager import Alertmanager, Labels, run
from tests.cluster.monitoring.cases import CASES
from tests.cluster.monitoring.images import built
from tests.cluster.monitoring.receivers import Posts
from tests.waiting import eventually


@dataclass(frozen=True)
class Told:
    """Both ends of the way."""

    alertmanager: Alertmanager
    hook: Posts

    def of(self, alert: str, status: str = "firing") -> list[Labels]:
        return [each["labels"] for each in self.hook.told(alert, status)]


@pytest.fixture(scope="module")
def told(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with Posts().served() as hook:
        settings = {"receivers": {"hook": {"webhook": {"url": hook.address}}}, "defaultReceiver": "hook"}
        with run(engine, built(engine, PROMETHEUS), tmp_path_factory.mktemp("inhibition"), settings, {}) as started:
            yield Told(started, hook)


@pytest.fixture(autouse=True)
def nothing_was_told(told: Told) -> None:
    told.hook.received.clear()


def alert(name: str, **changes: str) -> Labels:
    """With the labels that its rule gives it, and no others."""
    case = next(case for case in CASES if case.alert == name)
    assert changes.keys() <= case.labels.keys()
    return {"alertname": name, "severity": case.severity, "team": case.team, **case.labels, **changes}


@pytest.mark.parametrize(
    ("source", "hushed", "same"),
    [
        ("NodeNotReady", "GpuThrottled", "node"),
        ("NodeNotReady", "PodCrashLoops", "node"),
        ("NodeNotReady", "GpuIdle", "node"),
        ("ServingFailing", "ServingErrorBudgetShrinks", "endpoint"),
        ("ServingFailing", "ServingSlow", "endpoint"),
        ("ServingFailing", "ServingLatencyBudgetShrinks", "endpoint"),
        ("ServingSlow", "ServingLatencyBudgetShrinks", "endpoint"),
    ],
)
def test_a_consequence_is_told_only_when_its_cause_is_over(told: Told, source: str, hushed: str, same: str) -> None:
    """One that has another cause is told meanwhile. It is of the same group: they would come together."""
    where = f"{source}-{hushed}".lower()
    cause, consequence = alert(source, **{same: where}), alert(hushed, **{same: where})
    another = alert(hushed, **{same: f"another-{where}"})
    told.alertmanager.fire(cause, consequence, another)
    eventually(lambda: told.of(source) and told.of(hushed), 30, "what is to be told")
    assert told.of(source) == [cause]
    assert told.of(hushed) == [another]
    told.alertmanager.end(cause)
    eventually(lambda: consequence in told.of(hushed), 30, "what the cause had hushed")
    told.alertmanager.end(consequence, another)
    eventually(lambda: another in told.of(hushed, "resolved"), 30, "the end of them all")


def test_a_node_that_is_not_ready_hushes_nothing_that_has_no_node(told: Told) -> None:
    node, elsewhere = alert("NodeNotReady"), alert("JobFailed")
    assert "node" not in elsewhere
    told.alertmanager.fire(node, elsewhere)
    eventually(lambda: told.of("NodeNotReady") and told.of("JobFailed"), 30, "both")
    told.alertmanager.end(node, elsewhere)


@pytest.mark.parametrize("name", ["GpuXidError", "GpuEccError"])
def test_what_may_have_ended_a_node_is_told_with_it(told: Told, name: str) -> None:
    node = alert("NodeNotReady", node=name.lower())
    broken = alert(name, node=name.lower())
    told.alertmanager.fire(node, broken)
    eventually(lambda: told.of("NodeNotReady") and told.of(name), 30, "both")
    told.alertmanager.end(node, broken)


def test_what_nobody_is_told_of_hushes_nothing(engine: DockerClient, tmp_path: Path) -> None:
    with Posts().served() as hook:
        settings = {"receivers": {"hook": {"webhook": {"url": hook.address}}}, "routes": {"vision": "hook"}}
        with run(engine, built(engine, PROMETHEUS), tmp_path, settings, {}) as started:
            node = alert("NodeNotReady", node="a10g-0")
            theirs = {**alert("PodCrashLoops", node="a10g-0"), "team": "vision"}
            started.fire(node, theirs)
            eventually(lambda: hook.told("PodCrashLoops", "firing"), 30, "the alert of the team that has a receiver")
    assert hook.told("NodeNotReady", "firing") == []
