"""The smoke test of GPUs: which Job is started, and what its pod's report comes to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubernetes import client

from cli.gpu_check import check
from cli.gpu_check.job import GPU, job_for
from cli.gpu_check.result import Check, result
from common.errors import CommandError
from infra.declaration.loader import declare
from tests.unit.declaration.samples import in_cluster, small

H100 = {"name": "NVIDIA H100 80GB HBM3", "memory_gib": 79.2, "error": 1e-6}
PASSED = {"passed": True, "driver": "580.95.05", "gpus": [{**H100, "tflops": 701.2}, {**H100, "tflops": 645.9}]}
FAILED = {"passed": False, "stage": "toolkit", "problem": "no library", "fix": "install it"}
CHECKED = {"nodePools.l4.gpu.checkImage": "training"}


def template() -> client.V1CronJob:
    """A CronJob, as far as a Job is made of it."""
    resources = client.V1ResourceRequirements(requests={GPU: "8", "cpu": "1"}, limits={GPU: "8", "cpu": "1"})
    container = client.V1Container(name="gpu-check", args=["8"], resources=resources)
    pod = client.V1PodTemplateSpec(spec=client.V1PodSpec(containers=[container], node_selector={"pool": "h100"}))
    job = client.V1JobTemplateSpec(metadata=client.V1ObjectMeta(labels={"a": "b"}), spec=client.V1JobSpec(template=pod))
    return client.V1CronJob(
        metadata=client.V1ObjectMeta(name="gpu-check-h100", namespace="platform", uid="1"),
        spec=client.V1CronJobSpec(schedule="0 0 1 1 *", job_template=job),
    )


def test_a_check_gets_the_free_gpus_of_its_node() -> None:
    cron_job = template()
    pod = job_for(cron_job, "node-1", 3).spec.template.spec
    (container,) = pod.containers
    assert (container.args, container.resources.requests[GPU], container.resources.limits[GPU]) == (["3"], "3", "3")
    (term,) = pod.affinity.node_affinity.required_during_scheduling_ignored_during_execution.node_selector_terms
    assert [(each.key, each.values) for each in term.match_fields] == [("metadata.name", ["node-1"])]
    assert pod.node_name is None, "the scheduler would not count its GPUs"
    assert cron_job.spec.job_template.spec.template.spec.containers[0].args == ["8"], "others are made of it"


def test_a_check_without_a_node_takes_a_whole_one() -> None:
    pod = job_for(template(), None, None).spec.template.spec
    assert (pod.affinity, pod.containers[0].args) == (None, ["8"])


def test_each_node_has_one_job() -> None:
    names = [job_for(template(), node, 1).metadata.name for node in ("node-1", "node-2", "node-1")]
    assert names[0] == names[2] != names[1]


def pod(**ended: Any) -> client.V1Pod:
    terminated = client.V1ContainerStateTerminated(**{"exit_code": 1, "reason": "Error", **ended})
    container = client.V1ContainerStatus(
        name="main",
        image="",
        image_id="",
        ready=False,
        restart_count=0,
        state=client.V1ContainerState(terminated=terminated),
    )
    return client.V1Pod(
        spec=client.V1PodSpec(containers=[], node_name="node-1"),
        status=client.V1PodStatus(container_statuses=[container]),
    )


@pytest.mark.parametrize(
    ("pods", "shown"),
    [
        (
            [pod(exit_code=0, message=json.dumps(PASSED))],
            "passed: 2 x NVIDIA H100 80GB HBM3, at least 646 TFLOP/s, driver 580.95.05",
        ),
        ([pod(message=json.dumps(FAILED))], "failed: toolkit: no library; install it"),
        ([pod(message="Segmentation fault", exit_code=139)], "failed: the check did not end: Error, exit code 139"),
        ([pod(reason="OOMKilled", exit_code=137)], "failed: the check did not end: OOMKilled, exit code 137"),
        ([pod(message='["passed"]')], "failed: the check did not end: Error, exit code 1"),
        ([], "failed: the check left no report, and its pod is gone"),
    ],
)
def test_a_pod_s_report_is_one_line(pods: list[client.V1Pod], shown: str) -> None:
    found = result("h100", "", pods)
    assert str(found) == shown
    assert found.passed == shown.startswith("passed")
    assert found.node == ("node-1" if pods else "")


def test_a_node_in_use_has_not_failed() -> None:
    assert not Check("h100", "node-1", problem="8 of 8 GPUs are in use", skipped=True).failed


def test_only_pools_with_real_gpus_are_checked() -> None:
    declared = declare(in_cluster(**CHECKED), "Pulumi.test.yaml")
    assert check._pools("test", declared, None) == check._pools("test", declared, "l4") == ["l4"]
    assert check._pools("test", declare(small(), "Pulumi.test.yaml"), None) == []


def test_a_pool_without_a_check_and_an_unknown_one_are_refused() -> None:
    declared = declare(in_cluster(), "Pulumi.test.yaml")
    with pytest.raises(CommandError, match="pool l4 declares no image to check its GPUs with"):
        check._pools("test", declared, None)
    with pytest.raises(CommandError, match="has no pool 'l5'; known: l4"):
        check._pools("test", declared, "l5")
