"""A stack whose jobs wait is deleted at once and completely. By its name the last file: it deletes what others use."""

from __future__ import annotations

import time

from kubernetes import client

from tests.cluster.queues.node import Node
from tests.cluster.queues.world import World
from tests.waiting import eventually

PENDING = 50
SECONDS = 120
"""It takes 40, most of them Kubernetes' own to delete the namespaces with their jobs; more on a busy machine."""


def test_nothing_waits_for_the_jobs_and_nothing_is_left(world: World, gpu_node: Node) -> None:
    world.declare({"first": world.run(), "second": world.run()})
    world.stack.up()
    eventually(lambda: gpu_node.pods(world.red), 60, "one of the runs, while the other one waits")
    jobs = [world.submit(team, 8 if team == world.blue else 6) for team in world.teams[:2] for _ in range(PENDING // 2)]
    eventually(lambda: len(world.workloads(world.red) + world.workloads(world.blue)) == len(jobs) + 2, 60, "the queue")

    began = time.monotonic()
    world.stack.run("destroy", "--yes", "--skip-preview")
    seconds = time.monotonic() - began
    assert left(world) == []
    assert seconds < SECONDS
    print(f"deleted in {seconds:.0f} s")


def left(world: World) -> list[str]:
    """What is there of Kueue and of the teams."""
    hooks = client.AdmissionregistrationV1Api(world.api)
    kinds = (
        client.ApiextensionsV1Api(world.api).list_custom_resource_definition,
        hooks.list_mutating_webhook_configuration,
        hooks.list_validating_webhook_configuration,
        client.RbacAuthorizationV1Api(world.api).list_cluster_role,
        client.RbacAuthorizationV1Api(world.api).list_cluster_role_binding,
        client.SchedulingV1Api(world.api).list_priority_class,
        world.core.list_namespace,
    )
    names = [each.metadata.name for kind in kinds for each in kind().items]
    return [name for name in names if "kueue" in name or name.startswith(world.name)]
