"""Jobs wait for their team's quota, borrow what is idle, and give it back: by the real Kueue on the real cluster."""

from __future__ import annotations

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from offline.cluster import pause_image
from tests.cluster.queues.node import Node
from tests.cluster.queues.world import World
from tests.waiting import eventually


def test_a_job_runs_within_the_quota_and_the_next_one_waits_beyond_the_borrowing_limit(
    world: World, gpus: Node
) -> None:
    first = world.submit(world.red, 4)
    world.runs(world.red, first)
    too_large = world.submit(world.red, 4)
    assert "nvidia.com/gpu" in world.waits(world.red, too_large)
    borrows = world.submit(world.red, 2)
    world.runs(world.red, borrows)
    assert gpus.most_gpus[world.red] == 6
    gpus.ending.add(first)
    world.runs(world.red, too_large)
    assert gpus.most_gpus[world.red] == 6


def test_a_team_takes_back_what_others_have_borrowed(world: World, gpus: Node) -> None:
    everything = world.submit(world.blue, 8)
    world.runs(world.blue, everything)
    own = world.submit(world.red, 4)
    world.runs(world.red, own)
    assert world.waits(world.blue, everything)
    gpus.ending.add(own)
    world.runs(world.blue, everything)


def test_a_higher_priority_goes_first_and_stops_a_lower_one_of_its_team(world: World, gpus: Node) -> None:
    low = world.submit(world.red, 4, "low")
    world.runs(world.red, low)
    normal, high = world.submit(world.red, 6, "normal"), world.submit(world.red, 6, "high")
    world.runs(world.red, high)
    assert world.suspended(world.red, low)
    assert world.suspended(world.red, normal)
    gpus.ending.add(high)
    world.runs(world.red, normal)
    assert world.waits(world.red, low)


def test_what_is_idle_is_shared_equally_between_teams(world: World, gpus: Node) -> None:
    borrowed = [world.submit(world.green, 1) for _ in range(4)]
    world.runs(world.green, *borrowed)
    own = world.submit(world.red, 4)
    world.runs(world.red, own)
    world.runs(world.red, world.submit(world.red, 1), world.submit(world.red, 1))
    eventually(lambda: len(gpus.pods(world.green)) == 2, what="the end of two jobs of green")


def test_without_the_controller_everything_that_is_not_queued_is_admitted(
    world: World, gpus: Node, namespace: str
) -> None:
    before = world.submit(world.red, 4)
    world.runs(world.red, before)
    world.stop_controller()
    try:
        _everything_else_is_admitted(world, namespace)
        with pytest.raises(ApiException, match="failed calling webhook"):
            world.submit(world.red, 1)
        waiting = world.submit(world.red, 1, suspend=True)
        world.batch.delete_namespaced_job(before, world.red, propagation_policy="Background")
    finally:
        seconds = world.start_controller()
    world.runs(world.red, waiting)
    world.runs(world.red, world.submit(world.red, 1))
    print(f"the controller was ready after {seconds:.0f} s")


def _everything_else_is_admitted(world: World, stranger: str) -> None:
    pod = world.template(0)
    world.core.create_namespaced_pod(world.red, {"metadata": {"name": "bare"}, **pod})
    selector = {"app": "server"}
    always = {**pod["spec"], "restartPolicy": "Always"}
    deployment = {
        "metadata": {"name": "server"},
        "spec": {
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": selector}, "spec": always},
        },
    }
    apps = client.AppsV1Api(world.api)
    apps.create_namespaced_deployment(world.red, deployment)
    eventually(lambda: apps.read_namespaced_deployment("server", world.red).status.ready_replicas, 60, "the server")
    eventually(lambda: world.core.read_namespaced_pod("bare", world.red).status.phase == "Running", 60, "the pod")
    apps.delete_namespaced_deployment("server", world.red)
    world.core.delete_namespaced_pod("bare", world.red)
    # Not even a job that names a queue, where there are no queues, or none that names any.
    container = {"name": "main", "image": pause_image.REFERENCE}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    labels = {"kueue.x-k8s.io/queue-name": "any"}
    job = {"metadata": {"name": "stranger", "labels": labels}, "spec": {"template": template}}
    world.batch.create_namespaced_job(stranger, job)
    world.batch.create_namespaced_job(stranger, {**job, "metadata": {"name": "unlabelled"}})


def test_jobs_can_not_start_themselves_and_members_can_not_take_another_queue(world: World, gpus: Node) -> None:
    full = world.submit(world.red, 4)
    world.runs(world.red, full)
    waiting = world.submit(world.red, 4)
    world.waits(world.red, waiting)
    world.batch.patch_namespaced_job(waiting, world.red, {"spec": {"suspend": False}})
    eventually(lambda: world.suspended(world.red, waiting), 60, "suspension of the job")
    for labels in ({"kueue.x-k8s.io/queue-name": world.red}, {}):
        with pytest.raises(ApiException, match="wait in its queue: add the label"):
            world.create(world.green, 1, labels)
    with pytest.raises(ApiException, match="wait in its queue: add the label"):
        world.batch.patch_namespaced_job(
            waiting, world.red, {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": None}}}
        )
