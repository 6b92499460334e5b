"""Declared runs in their queue: no update or repair gets in Kueue's way."""

from __future__ import annotations

from cli.by_hand.edits import find
from cli.queues import waiting
from tests.cluster.queues.node import Node
from tests.cluster.queues.world import World
from tests.waiting import eventually


def test_a_run_waits_in_its_queue_and_no_update_starts_stops_or_restarts_it(world: World, gpus: Node) -> None:
    world.declare({"first": world.run(priority="low")})
    first = world.stack.up().outputs["first"]
    world.runs(world.red, first)
    (pod,) = gpus.pods(world.red)

    assert set(world.stack.up().changes()) == {"unchanged"}
    world.stack.refresh()
    assert set(world.stack.up().changes()) == {"unchanged"}
    assert find(world.api, world.stack.resources()) == []

    # At no moment is the priority of the second one higher, so that it does not stop the first one.
    world.declare({"first": world.run(priority="high", retries=3), "second": world.run(priority="low")})
    result = world.stack.up()
    second = result.outputs["second"]
    assert result.changes()["update"] == 1
    eventually(lambda: priorities(world)[first] == 10, what="the new priority")
    assert world.batch.read_namespaced_job(first, world.red).spec.backoff_limit == 3
    world.waits(world.red, second)
    job = world.batch.read_namespaced_job(second, world.red)
    state = waiting(world.api, world.red, job.metadata.uid)
    assert state.startswith("queued: couldn't assign flavors"), state
    (same,) = gpus.pods(world.red)
    assert same.metadata.uid == pod.metadata.uid

    world.declare({"second": world.run()})
    world.stack.up()
    world.runs(world.red, second)
    world.declare()
    world.stack.up()


def priorities(world: World) -> dict[str, int]:
    """Of the workloads of red, by job."""
    return {
        each["metadata"]["ownerReferences"][0]["name"]: each["spec"]["priority"] for each in world.workloads(world.red)
    }
