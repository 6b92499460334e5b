"""The smoke test of GPUs: which Job is started, and what its pod's report comes to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli.gpu_check import check, job
from cli.gpu_check.job import job_for
from cli.gpu_check.result import Check, Passed, last_checks, result
from cli.nodes import GPU
from common.errors import CommandError
from infra.declaration.loader import declare
from tests.unit.declaration.samples import in_cluster, small

H100 = {"name": "NVIDIA H100 80GB HBM3", "memory_gib": 79.2, "error": 1e-6}
PASSED: dict[str, Any] = {
    "passed": True,
    "driver": "580.95.05",
    "gpus": [{**H100, "tflops": 701.2}, {**H100, "tflops": 645.9}],
}
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
    pod = job_for(cron_job, Check("h100", "node-1"), 3).spec.template.spec
    (container,) = pod.containers
    assert (container.args, container.resources.requests[GPU], container.resources.limits[GPU]) == (["3"], "3", "3")
    (term,) = pod.affinity.node_affinity.required_during_scheduling_ignored_during_execution.node_selector_terms
    assert [(each.key, each.values) for each in term.match_fields] == [("metadata.name", ["node-1"])]
    assert pod.node_name is None, "the scheduler would not count its GPUs"
    assert cron_job.spec.job_template.spec.template.spec.containers[0].args == ["8"], "others are made of it"


def test_a_check_without_a_node_takes_a_whole_one() -> None:
    pod = job_for(template(), Check("h100", "")).spec.template.spec
    assert (pod.affinity, pod.tolerations, pod.containers[0].args) == (None, None, ["8"])


def test_a_cordoned_node_can_be_checked() -> None:
    cron_job = template()
    declared = client.V1Toleration(key=GPU, operator="Exists")
    cron_job.spec.job_template.spec.template.spec.tolerations = [declared]
    pod = job_for(cron_job, Check("h100", "node-1"), 8).spec.template.spec
    assert [(each.key, each.operator, each.effect) for each in pod.tolerations] == [
        (GPU, "Exists", None),
        ("node.kubernetes.io/unschedulable", "Exists", "NoSchedule"),
    ]


def test_each_node_has_one_job() -> None:
    names = [job_for(template(), Check("h100", node), 1).metadata.name for node in ("node-1", "node-2", "node-1")]
    assert names[0] == names[2] != names[1]


def pod(made: int = 0, **ended: Any) -> client.V1Pod:
    """A pod that has ended; `made` is the minute in which it was created."""
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
        metadata=client.V1ObjectMeta(name="gpu-check", creation_timestamp=datetime(2026, 1, 1, 0, made, tzinfo=UTC)),
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
        (
            [pod(message="Segmentation fault", exit_code=139)],
            "failed: the check did not end: Error, exit code 139: Segmentation fault",
        ),
        ([pod(reason="OOMKilled", exit_code=137)], "failed: the check did not end: OOMKilled, exit code 137"),
        ([pod(message='["passed"]')], 'failed: the check did not end: Error, exit code 1: ["passed"]'),
        ([], "failed: the check left no report, and its pod is gone"),
    ],
)
def test_a_pod_s_report_is_one_line(pods: list[client.V1Pod], shown: str) -> None:
    found = result(Check("h100", ""), pods)
    assert str(found) == shown
    assert found.passed == shown.startswith("passed")
    assert found.node == ("node-1" if pods else "")


GPU_0 = PASSED["gpus"][0]


@pytest.mark.parametrize(
    "message",
    [
        '{"passed": true}',
        json.dumps({**PASSED, "gpus": []}),
        json.dumps({**PASSED, "gpus": {"name": "H100"}}),
        json.dumps({**PASSED, "gpus": ["H100"]}),
        json.dumps({**PASSED, "gpus": [{**GPU_0, "tflops": "701"}]}),
        json.dumps({**PASSED, "gpus": [{**GPU_0, "tflops": True}]}),
        json.dumps({**PASSED, "gpus": [{**GPU_0, "tflops": float("nan")}]}),
        json.dumps({**PASSED, "gpus": [{**GPU_0, "tflops": float("inf")}]}),
        json.dumps({**PASSED, "gpus": [{**GPU_0, "tflops": 10**400}]}),
        json.dumps({**PASSED, "gpus": [{**GPU_0, "name": None}]}),
        json.dumps({**PASSED, "driver": 580}),
        json.dumps({**PASSED, "passed": 1}),
        json.dumps({**FAILED, "fix": ["install it"]}),
        json.dumps({"passed": False}),
        json.dumps({"passed": None}),
    ],
)
def test_what_is_no_report_is_not_taken_for_one(message: str) -> None:
    found = result(Check("h100", "node-1"), [pod(message=message)])
    assert str(found) == "failed: the check did not end: Error, exit code 1"


def test_deeply_nested_json_is_no_report() -> None:
    assert result(Check("h100", "node-1"), [pod(message="[" * 4000)]).failed


def test_a_report_can_t_write_to_the_terminal() -> None:
    failed = {**FAILED, "problem": "\x1b]0;owned\x07\x1b[2Jno\nlibrary \ud800\u202e", "fix": "x" * 4000}
    shown = str(result(Check("h100", "node-1"), [pod(message=json.dumps(failed))]))
    assert shown.startswith("failed: toolkit: ?]0;owned??[2Jno library ??; xxx")
    assert shown.isprintable() and len(shown) < 300
    hostile = {**PASSED, "driver": "580\x1b[31m", "gpus": [{**GPU_0, "name": "H100\x9b"}]}
    shown = str(result(Check("h100", "node-1"), [pod(message=json.dumps(hostile))]))
    assert shown == "passed: 1 x H100?, at least 701 TFLOP/s, driver 580?[31m"


def test_a_disrupted_pod_does_not_hide_the_report_of_the_next() -> None:
    disrupted, passed = pod(made=1, exit_code=137), pod(made=2, exit_code=0, message=json.dumps(PASSED))
    for pods in ([disrupted, passed], [passed, disrupted]):
        assert result(Check("h100", "node-1"), pods).passed
    disrupted.status.container_statuses[0].state.terminated.message = json.dumps(FAILED)
    for pods in ([disrupted, passed], [passed, disrupted]):
        assert result(Check("h100", "node-1"), pods).passed, "the last one counts"


H100_NODE = Check("h100", "node-1", declared=8, offered=8)
SEVEN = Passed("580.95.05", "H100", gpus=7, tflops=646)


def test_a_node_that_has_lost_a_gpu_has_failed() -> None:
    found = Check("h100", "node-1", SEVEN, declared=8, offered=7)
    assert (found.passed, found.failed) == (False, True)
    assert str(found) == (
        "failed: the node offers 7 of its 8 GPUs; passed: 7 of 8 x H100, at least 646 TFLOP/s, driver 580.95.05"
    )


def test_a_partial_check_says_how_many_gpus_it_had() -> None:
    found = result(H100_NODE, [pod(exit_code=0, message=json.dumps(PASSED))])
    assert str(found).startswith("passed: 2 of 8 x NVIDIA H100 80GB HBM3, ")


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


class Cluster:
    """The API of a cluster with one pool. A Job that is created ends when `ends` says so, with a report."""

    def __init__(self, nodes: list[client.V1Node], pods: list[client.V1Pod]) -> None:
        self.nodes, self.pods = nodes, pods
        self.jobs: dict[str, client.V1Job] = {}
        self.ends = True
        self.errors: list[BaseException] = []
        """Raised one after the other when a Job is read."""
        self.undeletable: set[str] = set()
        self.created: list[str] = []

    def read_namespaced_cron_job(self, name: str, namespace: str) -> client.V1CronJob:
        return template()

    def create_namespaced_job(self, namespace: str, created: client.V1Job) -> None:
        done = [client.V1JobCondition(type="Complete", status="True", last_transition_time=NOW)]
        created.status = client.V1JobStatus(conditions=done if self.ends else [])
        self.jobs[created.metadata.name] = created
        self.created.append(created.metadata.name)

    def read_namespaced_job(self, name: str, namespace: str) -> client.V1Job:
        if self.errors:
            raise self.errors.pop(0)
        if name not in self.jobs:
            raise ApiException(status=404)
        return self.jobs[name]

    def delete_namespaced_job(self, name: str, namespace: str, propagation_policy: str) -> None:
        if name in self.undeletable:
            return
        if self.jobs.pop(name, None) is None:
            raise ApiException(status=404)

    def list_namespaced_job(self, namespace: str, label_selector: str) -> Any:
        return SimpleNamespace(items=list(self.jobs.values()))

    def listed(self, path: str, fieldSelector: str = "", labelSelector: str = "") -> list[Any]:
        """As JSON; of pods those that a selector of checks names, in their namespace."""
        found = self.nodes if path.endswith("/nodes") else self.pods
        if labelSelector and found is self.pods:
            found = [each for each in found if _is_selected(each, path, labelSelector)]
        return list(client.ApiClient().sanitize_for_serialization(found))

    def list_namespaced_pod(self, namespace: str, label_selector: str) -> Any:
        """That of a Job or of all, which have passed with the GPUs that they were given."""
        key, _, name = label_selector.partition("=")
        by_job = key == "batch.kubernetes.io/job-name"
        jobs = [each for each in self.jobs.values() if not by_job or each.metadata.name == name]
        return SimpleNamespace(items=[self._pod(each) for each in jobs] if self.ends else [])

    def _pod(self, of: client.V1Job) -> client.V1Pod:
        gpus = [GPU_0] * int(of.spec.template.spec.containers[0].args[0])
        found = pod(exit_code=0, message=json.dumps({**PASSED, "gpus": gpus}))
        found.metadata.labels = {"batch.kubernetes.io/job-name": of.metadata.name}
        return found


def _is_selected(pod: client.V1Pod, path: str, selector: str) -> bool:
    key, _, value = selector.partition("=")
    return pod.metadata.labels[key] == value and f"/{pod.metadata.namespace}/" in path


NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def gpu_node(name: str, offered: int) -> client.V1Node:
    ready = client.V1NodeCondition(type="Ready", status="True")
    status = client.V1NodeStatus(allocatable={GPU: str(offered)}, conditions=[ready])
    return client.V1Node(metadata=client.V1ObjectMeta(name=name), status=status)


def holder(node: str, gpus: int, component: str, namespace: str = "platform") -> client.V1Pod:
    resources = client.V1ResourceRequirements(limits={GPU: str(gpus)})
    labels = {"app.kubernetes.io/component": component, "batch.kubernetes.io/job-name": "gpu-check-h100-1"}
    return client.V1Pod(
        metadata=client.V1ObjectMeta(name="holder", namespace=namespace, labels=labels),
        spec=client.V1PodSpec(containers=[client.V1Container(name="main", resources=resources)], node_name=node),
        status=client.V1PodStatus(phase="Running"),
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time passes only while somebody sleeps."""
    found = SimpleNamespace(now=0.0)

    def sleep(seconds: float) -> None:
        found.now += seconds

    for module in (check, job):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: found.now, sleep=sleep))
    return found


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace) -> Cluster:
    found = Cluster([gpu_node("node-1", 8), gpu_node("node-2", 8)], [])
    monkeypatch.setattr(client, "BatchV1Api", lambda _: found)
    monkeypatch.setattr(client, "CoreV1Api", lambda _: found)
    monkeypatch.setattr(check, "Objects", lambda _: found)
    return found


def checked(start_nodes: bool = False) -> list[str]:
    found = check.check_pools(client.ApiClient(), "platform", {"h100": "gpu-check-h100"}, start_nodes=start_nodes)
    return [f"{each.node}: {each}" for each in found]


ALL_PASSED = "passed: 8 x NVIDIA H100 80GB HBM3, at least 701 TFLOP/s, driver 580.95.05"


def test_the_gpus_of_a_node_are_compared_with_those_that_are_declared(cluster: Cluster) -> None:
    cluster.nodes = [gpu_node("node-1", 8), gpu_node("node-2", 7), gpu_node("node-3", 8), gpu_node("node-4", 7)]
    cluster.pods = [holder("node-3", 5, "training", "vision"), holder("node-4", 7, "training", "vision")]
    expected = [
        f"node-1: {ALL_PASSED}",
        f"node-2: failed: the node offers 7 of its 8 GPUs; {ALL_PASSED.replace('8 x', '7 of 8 x')}",
        f"node-3: {ALL_PASSED.replace('8 x', '3 of 8 x')}",
        "node-4: failed: the node offers 7 of its 8 GPUs; 7 of 7 GPUs are in use",
    ]
    assert checked() == expected
    shown = last_checks(client.ApiClient(), "platform", {"node-2", "node-3"})
    assert shown["node-2"] == f"{expected[1].removeprefix('node-2: ')} (2026-01-01 12:00 UTC)"
    assert shown["node-3"] == f"{expected[2].removeprefix('node-3: ')} (2026-01-01 12:00 UTC)"


def test_a_node_whose_gpus_an_earlier_check_holds_has_failed(cluster: Cluster) -> None:
    cluster.pods = [holder("node-1", 8, "gpu-check"), holder("node-2", 8, "gpu-check", "vision")]
    assert checked() == [
        "node-1: failed: an earlier check hangs, or still runs: pod holder holds GPUs; "
        "`kubectl -n platform delete job gpu-check-h100-1` ends it",
        "node-2: 8 of 8 GPUs are in use",
    ]


def test_an_earlier_job_that_can_t_be_deleted_fails_its_node_only(cluster: Cluster) -> None:
    name = job_for(template(), H100_NODE).metadata.name
    cluster.undeletable = {name}
    assert checked() == [
        f"node-1: failed: an earlier check hangs: job {name} can't be deleted; reboot the node",
        f"node-2: {ALL_PASSED}",
    ]


def test_a_check_that_does_not_end_is_given_up_and_deleted(
    cluster: Cluster, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_too_late", lambda *_: False)
    cluster.ends = False
    late = "failed: it did not end within 33 minutes"
    assert checked() == [f"node-1: {late}", f"node-2: {late}"]
    assert 1999 < clock.now < 2100
    assert (len(cluster.created), cluster.jobs) == (2, {})


def test_a_check_that_gets_no_node_is_deleted(cluster: Cluster, clock: SimpleNamespace) -> None:
    cluster.ends = False
    assert checked()[0] == "node-1: failed: it was not started: it has no pod"
    assert (cluster.jobs, clock.now < 200) == ({}, True)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ApiException(status=403)])
def test_an_interrupted_run_leaves_no_check(cluster: Cluster, error: BaseException) -> None:
    cluster.ends, cluster.errors = False, [error]
    with pytest.raises(type(error)):
        checked()
    assert (len(cluster.created), cluster.jobs) == (2, {})


def test_an_interrupt_keeps_the_checks_that_have_ended(cluster: Cluster) -> None:
    cluster.errors = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        checked()
    assert len(cluster.jobs) == 2, "status shows them"


def test_the_api_server_may_miss_a_request(cluster: Cluster) -> None:
    cluster.errors = [HTTPError("connection refused")]
    assert checked() == [f"node-1: {ALL_PASSED}", f"node-2: {ALL_PASSED}"]


def test_an_api_server_that_is_gone_ends_the_command(cluster: Cluster, clock: SimpleNamespace) -> None:
    cluster.errors = [HTTPError("connection refused") for _ in range(1000)]
    with pytest.raises(HTTPError):
        checked()
    assert clock.now < 100
