"""Declared runs in their queue: no update or repair gets in Kueue's way."""

from __future__ import annotations

import pytest

from cli.by_hand.edits import find
from cli.queues import waiting
from tests.cluster.queues.node import Node
from tests.cluster.queues.world import World
from tests.waiting import eventually


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_waits_in_its_queue_and_no_update_starts_stops_or_restarts_it(
    world: World, gpus: Node, workers: int
) -> None:
    declared = {"workers": workers, "gpus": 4 // workers}
    world.declare({"first": world.run(priority="low", **declared)})
    first = world.stack.up().outputs["first"]
    pods = eventually(lambda: running(world, gpus, workers), 60, "the run")
    check_nothing_to_do(world)
    world.stack.refresh()
    check_nothing_to_do(world)

    # At no moment is the priority of the second one higher, so that it does not stop the first one.
    first_again = world.run(priority="high", retries=3, **declared)
    world.declare({"first": first_again, "second": world.run(priority="low")})
    result = world.stack.up()
    second = result.outputs["second"]
    assert result.changes()["update"] == 1
    eventually(lambda: priorities(world)[first] == 10, what="the new priority")
    if workers == 1:
        assert world.batch.read_namespaced_job(first, world.red).spec.backoff_limit == 3
    world.waits(world.red, second)
    job = world.batch.read_namespaced_job(second, world.red)
    state = waiting(world.api, world.red, job.metadata.uid)
    assert state.startswith("queued: couldn't assign flavors"), state
    check_nothing_to_do(world)
    assert running(world, gpus, workers) == pods

    world.declare({"second": world.run()})
    world.stack.up()
    world.runs(world.red, second)
    world.declare()
    world.stack.up()


def check_nothing_to_do(world: World) -> None:
    assert set(world.stack.up().changes()) == {"unchanged"}
    assert find(world.api, world.stack.resources()) == []


def running(world: World, node: Node, number: int) -> set[str]:
    """The UIDs of the pods of red, once there are so many."""
    found = {pod.metadata.uid for pod in node.pods(world.red)}
    return found if len(found) == number else set()


def priorities(world: World) -> dict[str, int]:
    """Of the workloads of red, by job."""
    return {
        each["metadata"]["ownerReferences"][0]["name"]: each["spec"]["priority"] for each in world.workloads(world.red)
    }
