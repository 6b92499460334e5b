"""What Prometheus finds by itself on the real cluster, and that what rules are built on is really there."""

from __future__ import annotations

from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes import client

from infra.catalogue.metrics import CANARIES, CLUSTER, GPU, KUBELET, NODE_EXPORTER, RECORDED
from infra.catalogue.names import SIMULATED_LABEL, labels
from tests.cluster.monitoring.world import World
from tests.waiting import eventually

JOBS = {"prometheus", "alertmanager", "kube-state-metrics", "node-exporter", "gpu-simulator", "kubelet", "cadvisor"}
_SELDOM = {
    *CANARIES,
    "kube_cronjob_next_schedule_time",
    "kube_cronjob_spec_suspend",
    "kube_cronjob_status_active",
    "kube_cronjob_status_last_schedule_time",
    "kube_job_failed",
    "kube_job_complete",
    "kube_job_labels",
    "kube_job_status_active",
    "kube_job_status_failed",
    "kube_job_status_start_time",
    "kube_job_status_suspended",
    "kube_pod_container_status_waiting_reason",
    "kube_pod_init_container_status_waiting_reason",
    "kube_pod_status_unschedulable",
    "kube_resourcequota",
    "kubelet_runtime_operations_errors_total",
    "pod:gpus_pending:count",
    "pod:run_gpus:count",
    "run:gpus_idle:count",
    "run:gpus_idle_since:timestamp_seconds",
}
"""There only while there is a canary, a job, a quota, a pod that waits."""


def test_every_target_is_found_and_answers(world: World) -> None:
    def answering() -> set[str]:
        return {each["metric"]["job"] for each in world.query("up == 1")}

    eventually(lambda: JOBS | {"serving"} <= answering(), 120, "all targets")
    eventually(lambda: world.query("up == 0") == [], 60, "every target's answer")


def test_what_rules_are_built_on_is_collected(world: World) -> None:
    wanted = (NODE_EXPORTER | KUBELET | CLUSTER | GPU | RECORDED) - _SELDOM
    eventually(lambda: world.query("node:gpus_free:count"), 120, "the first evaluation")

    def missing() -> Set[str]:
        return wanted - set(world.ask("label/__name__/values"))

    eventually(lambda: not missing(), 120, "what rules are built on", why=missing)


def test_only_the_stack_s_own_namespaces_are_looked_into(world: World) -> None:
    counted = eventually(lambda: world.query("count by (namespace) (kube_pod_info)"), what="a reading")
    found = {each["metric"]["namespace"] for each in counted}
    assert found == {world.platform, world.team}


def test_simulated_gpus_say_that_they_are(world: World) -> None:
    found = eventually(lambda: world.query("DCGM_FI_DEV_GPU_UTIL"), what="a reading")
    assert {each["metric"]["node"] for each in found} == {world.gpu_node}
    assert {each["metric"]["simulated"] for each in found} == {"true"}


@pytest.mark.parametrize("mountpoint", ["/", "/tmp"])
def test_a_pod_without_a_folder_of_the_node_sees_the_node_s_disks(world: World, mountpoint: str) -> None:
    eventually(lambda: world.value(f'node_filesystem_size_bytes{{mountpoint="{mountpoint}"}}'), 60, mountpoint)
    assert (world.value(f'node_filesystem_size_bytes{{mountpoint="{mountpoint}"}}') or 0) > 2**30


TELLS = """
import sys, time
from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import GaugeMetricFamily

class Progress:
    asked = 0

    def describe(self):
        return []

    def collect(self):
        self.asked += 1
        yield GaugeMetricFamily("training_progress_ratio", "Done.", 0.5)

progress = Progress()
REGISTRY.register(progress)
start_http_server(8000)
while progress.asked < {times}:
    time.sleep(0.1)
"""
"""Until it has been asked so often."""
SHORT, LONG = TELLS.format(times=3), TELLS.format(times=10**6)
SILENT = LONG.replace("start_http_server(8000)", "")


@contextmanager
def running(world: World, name: str, script: str, **marks: str) -> Iterator[str]:
    """The name of the one pod of a job in the team's namespace, with a port for metrics."""
    batch = client.BatchV1Api(world.core.api_client)
    pod = world.pod(name, script, {**labels(name, "training"), **marks}, restart="Never")
    pod["spec"]["containers"][0]["ports"] = [{"name": "metrics", "containerPort": 8000}]
    pod["spec"]["tolerations"] = [{"operator": "Exists"}]
    template = {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]}
    batch.create_namespaced_job(world.team, {"metadata": {"name": name}, "spec": {"template": template}})
    try:
        yield eventually(lambda: _pod(world, name), 120, f"the pod of {name}")
    finally:
        batch.delete_namespaced_job(name, world.team, propagation_policy="Background")
        eventually(lambda: not world.query(f'up{{job_name="{name}"}}'), 60, "the end of the target")


def _pod(world: World, job: str) -> str:
    found = world.core.list_namespaced_pod(world.team, label_selector=f"job-name={job}").items
    return next((str(pod.metadata.name) for pod in found if pod.status.phase == "Running"), "")


def ever(world: World, series: str) -> list[dict[str, Any]]:
    """Its last value, even if it has ended."""
    return world.query(f"last_over_time({series}[10m])")


def missed(world: World, job: str, state: str) -> list[dict[str, Any]]:
    """When its target counted as down: a moment is `pending`, and told of when it is `firing`."""
    return ever(world, f'ALERTS{{alertname="TargetDown",job_name="{job}",alertstate=~"{state}"}}')


def test_a_job_is_asked_while_it_runs_and_not_missed_when_it_has_ended(world: World) -> None:
    with running(world, "short", SHORT) as pod:
        (told,) = eventually(lambda: ever(world, 'training_progress_ratio{job_name="short"}'), 60, "the job's word")
        whose = {"job": "training", "namespace": world.team, "job_name": "short", "pod": pod, "instance": pod}
        assert whose.items() <= told["metric"].items()
        assert told["value"][1] == "0.5"
        eventually(lambda: world.core.read_namespaced_pod(pod, world.team).status.phase == "Succeeded", 60, "its end")
        eventually(lambda: not world.query('up{job_name="short"}'), 60, "the end of the target")
        assert world.query('training_progress_ratio{job_name="short"}') == []
    assert missed(world, "short", "firing") == []


def test_a_job_that_tells_nothing_is_not_missed(world: World) -> None:
    with running(world, "silent", SILENT):
        eventually(lambda: (world.value('count_over_time(up{job_name="silent"}[5m])') or 0) > 5, 60, "some questions")
        assert world.value('up{job_name="silent"}') == 0
        assert missed(world, "silent", "pending|firing") == []


def test_a_simulated_job_is_not_asked(world: World) -> None:
    with running(world, "simulated", LONG, **{SIMULATED_LABEL: "true"}), running(world, "real", LONG):
        eventually(lambda: world.query('up{job_name="real"}'), 60, "the other job's target")
        assert world.query('up{job_name="simulated"}') == []


def test_whatever_of_the_platform_has_a_port_for_metrics_is_asked(world: World) -> None:
    pod = world.pod("tracking-0", LONG, labels("tracking", "tracking"))
    pod["spec"]["containers"][0]["ports"] = [{"name": "metrics", "containerPort": 8000}]
    world.core.create_namespaced_pod(world.platform, pod)
    try:
        eventually(lambda: world.value('up{job="tracking",instance="tracking-0"}') == 1, 120, "the target")
    finally:
        world.core.delete_namespaced_pod("tracking-0", world.platform, grace_period_seconds=0)
    eventually(lambda: not world.query('up{job="tracking"}'), 60, "the end of the target")


def test_nothing_is_told_twice_in_one_answer(world: World) -> None:
    assert world.value("sum(prometheus_target_scrapes_sample_duplicate_timestamp_total)") == 0


def test_no_rule_fails(world: World) -> None:
    failing = [rule for group in world.ask("rules")["groups"] for rule in group["rules"] if rule["health"] == "err"]
    assert failing == []
