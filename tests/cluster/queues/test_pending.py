"""`make status JOB=name` names the true cause of each situation, as the real Kueue, scheduler and kubelet make it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from kubernetes import client

from cli.waiting.cause import Reason
from cli.waiting.cluster import JOB, KUEUE, Cluster, Facts, Pools
from cli.waiting.explain import Explanation, explain
from cli.waiting.screen import as_json, lines
from infra.catalogue.names import POOL_LABEL
from offline.cluster.addresses import NODE_NAME
from tests.cluster.queues.node import Node, node
from tests.cluster.queues.world import World
from tests.waiting import eventually

HALVES = ("left", "right")


def asked(world: World, team: str, job: str, pools: Pools | None = None) -> Explanation:
    return explain(facts(world, team, job, pools))


def facts(world: World, team: str, job: str, pools: Pools | None = None) -> Facts:
    cluster = Cluster(world.api)
    run = cluster.run(JOB, team, job)
    assert run is not None
    return cluster.facts(JOB, run, pools or Pools())


def waits_for(
    reason: Reason, world: World, team: str, job: str, pools: Pools | None = None, *, saying: str = ""
) -> Explanation:
    """The explanation, once it has this reason."""

    def says() -> Explanation | None:
        found = asked(world, team, job, pools)
        matches = found.cause is not None and found.cause.reason == reason and saying in found.cause.message
        return found if matches else None

    found = eventually(says, 60, f"{reason} of {team}/{job}", why=lambda: asked(world, team, job, pools).cause)
    assert found is not None
    return found


def test_quota(world: World, gpus: Node) -> None:
    own, theirs = world.submit(world.red, 4), world.submit(world.blue, 4)
    world.runs(world.red, own)
    world.runs(world.blue, theirs)
    second = world.submit(world.red, 2)
    found = waits_for(Reason.QUOTA, world, world.red, second, saying="0 of 8 are idle")
    said = as_json(found)
    assert said["queue"]["position"] == 1
    assert said["queue"]["heldByTeam"] == {own: {"nvidia.com/gpu": 4}}
    assert said["queue"]["heldByOthers"] == {"nvidia.com/gpu": 4}
    assert theirs not in str(said), "names of other teams' jobs are theirs"
    assert said["queue"]["borrowing"] == "no team leaves any nvidia.com/gpu idle"
    third = world.submit(world.red, 1)
    waits_for(Reason.QUOTA, world, world.red, third)
    # In either order if both were created in the same second.
    assert {as_json(asked(world, world.red, job))["queue"]["position"] for job in (second, third)} == {1, 2}


def test_borrowing_limit(world: World, gpus: Node) -> None:
    own = [world.submit(world.red, 3) for _ in range(2)]
    world.runs(world.red, *own)
    found = waits_for(Reason.BORROWING_LIMIT, world, world.red, world.submit(world.red, 1))
    assert found.cause is not None
    assert "2 are idle, but its quota is 4 GPUs, and it may borrow 2, of which it uses 6" in found.cause.message


def test_priority(world: World, gpus: Node) -> None:
    high = world.submit(world.red, 6, "high")
    world.runs(world.red, high)
    found = waits_for(Reason.PRIORITY, world, world.red, world.submit(world.red, 1, "low"))
    assert found.cause is not None
    assert found.cause.message.endswith(f"jobs of a higher priority hold 6 GPUs ({high})")


def test_a_gang_that_is_too_large(world: World, gpus: Node) -> None:
    job = world.submit(world.red, 1, parallelism=7, completions=7)
    found = waits_for(Reason.TOO_LARGE, world, world.red, job)
    assert found.cause is not None
    assert found.cause.message.startswith("it needs 7 GPUs, and the team can never use more than 6 GPUs")


def test_a_team_without_a_quota_takes_only_what_is_idle_and_is_told_so(world: World, gpus: Node) -> None:
    world.runs(world.blue, world.submit(world.blue, 8))
    found = waits_for(Reason.QUOTA, world, world.green, world.submit(world.green, 1))
    assert dict(lines(found))["preemption"] == "no job may be stopped for it"


def test_no_queue_offers_what_it_asks_for(world: World, gpus: Node) -> None:
    elsewhere = changed(world.template(1), nodeSelector={POOL_LABEL: "elsewhere"})
    job = world.submit(world.red, 1, template=elsewhere)
    waits_for(Reason.NO_SUCH_NODE, world, world.red, job, saying="nvidia.com/gpu")


def test_a_queue_that_is_held(world: World, gpus: Node) -> None:
    path = ("kueue.x-k8s.io", "v1beta2", world.red, "localqueues", world.red)
    world.objects.patch_namespaced_custom_object(*path, {"spec": {"stopPolicy": "Hold"}})
    try:
        job = world.submit(world.red, 1)
        found = waits_for(Reason.QUEUE_STOPPED, world, world.red, job, saying="is held")
        assert found.cause is not None
        assert f"kubectl patch localqueue {world.red} -n {world.red}" in found.cause.fix
    finally:
        world.objects.patch_namespaced_custom_object(*path, {"spec": {"stopPolicy": "None"}})
    world.runs(world.red, job)
    assert asked(world, world.red, job).cause is None


def test_a_queue_whose_controller_is_down(world: World, gpus: Node) -> None:
    world.stop_controller()
    try:
        job = world.submit(world.red, 1, suspend=True)
        waits_for(Reason.QUEUE_STOPPED, world, world.red, job, saying="Kueue has not looked at it yet")
    finally:
        world.start_controller()


def test_a_login_that_may_not_read_quotas_and_nodes_still_has_what_kueue_says(world: World, gpus: Node) -> None:
    own = world.submit(world.red, 6)
    world.runs(world.red, own)
    job = world.submit(world.red, 1)
    world.waits(world.red, job)
    limited = replace(facts(world, world.red, job), cluster_queues=None, flavors=None, nodes=None, scheduled=None)
    found = explain(limited)
    assert found.cause is not None
    assert "nvidia.com/gpu" in found.cause.message
    assert found.queue is not None
    assert found.queue.position == 1


# What follows is about nodes and pods; no queue is needed, so these jobs are in a namespace without one.


@pytest.fixture
def halves(world: World, namespace: str) -> Iterator[dict[str, Node]]:
    """Two nodes with four GPUs each, in one pool."""
    pool = f"{world.name}-{namespace}"
    with (
        node(world.api, f"{pool}-{HALVES[0]}", {POOL_LABEL: pool}, 4) as left,
        node(world.api, f"{pool}-{HALVES[1]}", {POOL_LABEL: pool}, 4) as right,
    ):
        yield {"left": left, "right": right}


def changed(template: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {**template["spec"], **spec}}


@pytest.fixture
def start(world: World, namespace: str) -> Callable[..., str]:
    """Starts a job on the pool of `halves`."""
    pool = f"{world.name}-{namespace}"

    def start(gpus: int, runs: bool = False, **spec: Any) -> str:
        template = changed(
            world.template(gpus), **{"nodeSelector": {POOL_LABEL: pool}, "priorityClassName": None, **spec}
        )
        job = world.create(namespace, gpus, {}, template=template)
        if runs:
            world.runs(namespace, job)
        return job

    return start


def test_fragmentation(world: World, namespace: str, halves: dict[str, Node], start: Callable[..., str]) -> None:
    for _ in halves:
        start(3, runs=True)
    found = waits_for(Reason.FRAGMENTATION, world, namespace, start(2))
    assert found.cause is not None
    assert found.cause.message == "a pod needs 2 GPUs, and 2 are free, but at most 1 on one node"


def test_a_pool_at_its_maximum(
    world: World, namespace: str, halves: dict[str, Node], start: Callable[..., str]
) -> None:
    pool = f"{world.name}-{namespace}"
    for _ in halves:
        start(4, runs=True)
    job = start(1)
    waits_for(Reason.POOL_MAXIMUM, world, namespace, job, Pools({pool: 2}), saying="on the 2 nodes of pool")
    waits_for(Reason.NODE_STARTS, world, namespace, job, Pools({pool: 3}, elastic=True))


def test_a_taint(world: World, namespace: str, halves: dict[str, Node], start: Callable[..., str]) -> None:
    only = [{"key": each.name, "operator": "Exists"} for each in halves.values()]
    for each in halves.values():
        world.core.patch_node(each.name, {"spec": {"unschedulable": True}})
    found = waits_for(Reason.TAINT, world, namespace, start(1, tolerations=only), saying="unschedulable")
    assert found.cause is not None
    assert found.cause.fix.startswith("kubectl uncordon")


def test_no_such_gpu(world: World, namespace: str, halves: dict[str, Node], start: Callable[..., str]) -> None:
    waits_for(Reason.NO_SUCH_NODE, world, namespace, start(8), saying="has 4 GPUs in all")
    other = start(1, nodeSelector={"nvidia.com/gpu.product": "none-of-these"})
    waits_for(Reason.NO_SUCH_NODE, world, namespace, other, saying="nvidia.com/gpu.product=none-of-these")


def here(world: World, **container: Any) -> dict[str, Any]:
    """A pod on the real node."""
    (main,) = world.template(0)["spec"]["containers"]
    return {"nodeSelector": {"kubernetes.io/hostname": NODE_NAME}, "containers": [{**main, **container}]}


def test_an_image_that_can_not_be_pulled(world: World, namespace: str, start: Callable[..., str]) -> None:
    job = start(0, **here(world, image="127.0.0.1:1/no/such:image"))
    waits_for(Reason.IMAGE_PULL, world, namespace, job, saying="127.0.0.1:1/no/such:image")


def test_a_volume_that_does_not_exist(world: World, namespace: str, start: Callable[..., str]) -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "absent"}}]
    job = start(0, **here(world), volumes=volumes)
    waits_for(Reason.VOLUME, world, namespace, job, saying='persistentvolumeclaim "absent" not found')


def test_a_secret_that_does_not_exist(world: World, namespace: str, start: Callable[..., str]) -> None:
    source = {"secretKeyRef": {"name": "absent", "key": "password"}}
    job = start(0, **here(world, env=[{"name": "PASSWORD", "valueFrom": source}]))
    waits_for(Reason.DEPENDENCY, world, namespace, job, saying='secret "absent" not found')


def test_a_quota_of_the_namespace(world: World, namespace: str, start: Callable[..., str]) -> None:
    quota = client.V1ResourceQuota(
        metadata=client.V1ObjectMeta(name="none"), spec=client.V1ResourceQuotaSpec(hard={"pods": "0"})
    )
    world.core.create_namespaced_resource_quota(namespace, quota)
    job = start(0)
    waits_for(Reason.QUOTA, world, namespace, job, saying="exceeded quota")


def test_a_job_that_somebody_has_suspended(world: World, namespace: str, start: Callable[..., str]) -> None:
    job = start(0)
    world.batch.patch_namespaced_job(job, namespace, {"spec": {"suspend": True}})
    waits_for(Reason.SUSPENDED, world, namespace, job)


def test_every_member_may_read_what_is_in_use(world: World) -> None:
    """By the role that members are bound to: it allows these lists, and no change."""
    found = client.RbacAuthorizationV1Api(world.api).read_cluster_role(f"{world.name}-quota-reader")
    (rule,) = found.rules
    assert set(rule.resources) == {"clusterqueues", "resourceflavors"}
    assert not {*rule.verbs} & {"create", "update", "patch", "delete"}
    assert Cluster(world.api).items(f"{KUEUE}/clusterqueues")
