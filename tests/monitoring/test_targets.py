"""What Prometheus finds by itself on the real cluster, and that what rules are built on is really there."""

from __future__ import annotations

import pytest

from infra.monitoring.metrics import CLUSTER, GPU, KUBELET, NODE_EXPORTER, RECORDED
from tests.monitoring.world import World
from tests.waiting import eventually

JOBS = {"prometheus", "alertmanager", "kube-state-metrics", "node-exporter", "gpu-simulator", "kubelet", "cadvisor"}
_SELDOM = {
    "kube_job_failed",
    "kube_job_complete",
    "kube_job_labels",
    "kube_job_spec_active_deadline_seconds",
    "kube_job_status_active",
    "kube_job_status_failed",
    "kube_job_status_start_time",
    "kube_pod_container_status_waiting_reason",
    "kube_pod_status_unschedulable",
    "kube_resourcequota",
    "kubelet_runtime_operations_errors_total",
    "pod:gpus_pending:count",
}
"""There only while there is a job, a quota, a pod that waits."""


def test_every_target_is_found_and_answers(world: World) -> None:
    def answering() -> set[str]:
        return {each["metric"]["job"] for each in world.query("up == 1")}

    eventually(lambda: JOBS | {"serving"} <= answering(), 120, "all targets")
    assert world.query("up == 0") == []


def test_what_rules_are_built_on_is_collected(world: World) -> None:
    wanted = (NODE_EXPORTER | KUBELET | CLUSTER | GPU | RECORDED) - _SELDOM
    eventually(lambda: world.query("node:gpus_free:count"), 120, "the first evaluation")
    names = set(world.ask("label/__name__/values"))
    assert wanted - names == set()


def test_only_the_stack_s_own_namespaces_are_looked_into(world: World) -> None:
    found = {each["metric"]["namespace"] for each in world.query("count by (namespace) (kube_pod_info)")}
    assert found == {world.platform, world.team}


def test_simulated_gpus_say_that_they_are(world: World) -> None:
    found = world.query("DCGM_FI_DEV_GPU_UTIL")
    assert {each["metric"]["node"] for each in found} == {world.gpu_node}
    assert {each["metric"]["simulated"] for each in found} == {"true"}


@pytest.mark.parametrize("mountpoint", ["/", "/tmp"])
def test_a_pod_without_a_folder_of_the_node_sees_the_node_s_disks(world: World, mountpoint: str) -> None:
    eventually(lambda: world.value(f'node_filesystem_size_bytes{{mountpoint="{mountpoint}"}}'), 60, mountpoint)
    assert (world.value(f'node_filesystem_size_bytes{{mountpoint="{mountpoint}"}}') or 0) > 2**30


def test_no_rule_fails(world: World) -> None:
    failing = [rule for group in world.ask("rules")["groups"] for rule in group["rules"] if rule["health"] == "err"]
    assert failing == []
