"""A run that does not use its GPUs is stopped: by the real Prometheus, Alertmanager, Kueue and what is between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from docker import DockerClient
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from cli.queues import resume, waiting
from common import paths
from infra.catalogue.images import CONTROLLERS, GPU_SIMULATOR, PROMETHEUS
from tests.cluster.monitoring.images import provide
from tests.cluster.queues.monitored import program, use_gpus, value
from tests.cluster.queues.node import Node
from tests.cluster.queues.world import KUEUE, World
from tests.waiting import eventually

WORKLOADS = "workloads"


@pytest.fixture(scope="module")
def digits(world: World, gpu_node: Node, engine: DockerClient) -> Iterator[str]:
    """A run of red with 4 GPUs, in a stack with monitoring."""
    world.clear(gpu_node)
    use_gpus(world, None)
    more = program(world, provide(engine, [PROMETHEUS, GPU_SIMULATOR, CONTROLLERS]))
    world.declare({"digits": world.run()}, more)
    yield str(world.stack.up().outputs["digits"])
    world.declare()
    world.stack.up()
    use_gpus(world, None)


def state(world: World, run: str) -> str:
    job = world.batch.read_namespaced_job(run, world.red)
    return waiting(world.api, world.red, job.metadata.uid) if job.spec.suspend else "started"


def test_an_idle_run_gives_its_gpus_back_and_starts_again_only_when_somebody_wants_it(
    world: World, gpu_node: Node, digits: str
) -> None:
    world.runs(world.red, digits)
    eventually(lambda: value(world, f'pod:run_gpus:count{{job_name="{digits}"}}') == 4, 120, "the run's GPUs")
    eventually(lambda: value(world, 'max(DCGM_FI_DEV_GPU_UTIL{pod!=""})') == 85, 60, "the use of its GPUs")
    assert value(world, "run:gpus_idle:count") is None
    assert state(world, digits) == "started"

    use_gpus(world, 1)
    eventually(lambda: state(world, digits) == "stopped: idle GPUs", 120, "the end", lambda: state(world, digits))
    eventually(lambda: gpu_node.has_no_pods(world.red), 60, "the end of its pods")
    other = world.submit(world.red, 4)
    world.runs(world.red, other)
    world.batch.delete_namespaced_job(other, world.red, propagation_policy="Background")
    eventually(lambda: gpu_node.has_no_pods(world.red), 60, "the end of the other one")
    eventually(lambda: value(world, 'ALERTS{alertname="RunIdle"}') is None, 60, "the end of the alert")

    assert set(world.stack.up().changes()) == {"unchanged"}
    world.stack.refresh()
    assert set(world.stack.up().changes()) == {"unchanged"}
    assert state(world, digits) == "stopped: idle GPUs"

    use_gpus(world, None)
    job = world.batch.read_namespaced_job(digits, world.red)
    assert resume(world.api, world.red, job.metadata.uid)
    world.runs(world.red, digits)
    assert not resume(world.api, world.red, job.metadata.uid)


@pytest.fixture
def stopper(world: World, digits: str) -> client.ApiClient:
    """Its account, and no other right."""
    api: client.ApiClient = config.new_client_from_config(str(paths.KUBECONFIG))
    api.set_default_header("Impersonate-User", f"system:serviceaccount:{world.name}:run-stopper")
    return api


@pytest.mark.parametrize("spec", [{"active": True}, {"active": False, "priority": 7}, {"active": False, "podSets": []}])
def test_what_stops_runs_can_do_nothing_else(world: World, stopper: client.ApiClient, spec: dict[str, Any]) -> None:
    (workload, *_) = world.workloads(world.red)
    patch = client.CustomObjectsApi(stopper).patch_namespaced_custom_object
    with pytest.raises(ApiException) as refused:
        patch(*KUEUE, world.red, WORKLOADS, workload["metadata"]["name"], {"spec": spec})
    assert "only stops runs" in refused.value.body or "Invalid" in refused.value.body


def test_it_can_do_it_to_runs_of_the_declaring_team_only(world: World, stopper: client.ApiClient, digits: str) -> None:
    objects, batch = client.CustomObjectsApi(stopper), client.BatchV1Api(stopper)
    assert objects.list_namespaced_custom_object(*KUEUE, world.red, WORKLOADS)["items"]
    forbidden: tuple[Callable[[], Any], ...] = (
        lambda: objects.list_namespaced_custom_object(*KUEUE, world.blue, WORKLOADS),
        lambda: batch.patch_namespaced_job(digits, world.red, {"spec": {"suspend": True}}),
        lambda: batch.delete_namespaced_job(digits, world.red),
        lambda: client.CoreV1Api(stopper).list_namespaced_pod(world.red),
        lambda: client.CoreV1Api(stopper).list_namespaced_secret(world.name),
    )
    for call in forbidden:
        with pytest.raises(ApiException) as refused:
            call()
        assert refused.value.status == 403
