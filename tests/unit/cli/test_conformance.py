"""What each item of the checklist comes to: on a stack that conforms, and where one thing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from cli.conformance import checklist
from cli.conformance.examine import CHECKS, examine, minor
from cli.conformance.report import Outcome, Report, Result
from cli.conformance.stack import Stack
from infra.declaration.loader import declare
from tests.unit.cli import conformance_world as world
from tests.unit.cli.conformance_world import RecordedCluster, stack
from tests.unit.declaration.samples import project
from tests.unit.declaration.test_gateway_class import existing

Spoil = Callable[[RecordedCluster], None]


def outcome(item: str, spoil: Spoil | None = None, **sections: object) -> Outcome:
    cluster = RecordedCluster()
    if spoil:
        spoil(cluster)
    return CHECKS[item](stack(**sections), cluster)


CNCF = (
    *("driver_runtime_management", "gpu_sharing", "virtualized_accelerator", "ai_inference"),
    *("advanced_inference_ingress", "high_performance_networking", "disaggregated_inference", "gang_scheduling"),
    *("cluster_autoscaling", "pod_autoscaling", "accelerator_metrics", "ai_service_metrics"),
    *("secure_accelerator_access", "robust_controller"),
)
MUST = {
    *("ai_inference", "gang_scheduling", "cluster_autoscaling", "pod_autoscaling", "accelerator_metrics"),
    *("ai_service_metrics", "secure_accelerator_access", "robust_controller"),
}


def test_the_list_is_cncf_s_and_that_of_the_cluster_s_version() -> None:
    items = checklist.items(36)
    assert tuple(each.id for each in items if each.level != "PLATFORM") == CNCF
    assert {each.id for each in items if each.level == "MUST"} == MUST
    older = [each for each in checklist.items(35) if each not in items]
    assert [(each.id, each.level) for each in older] == [("dra_support", "MUST")]
    assert {each.id for each in checklist.ITEMS} == CHECKS.keys()


@pytest.mark.parametrize("item", [*sorted(MUST), "pod_security", "secret_isolation", "network_isolation"])
def test_a_stack_that_conforms_passes_with_evidence(item: str) -> None:
    found = outcome(item)
    assert (found.verdict, found.reason) == ("passed", "")
    assert all(each.ran and each.saw and each.at.endswith("Z") for each in found.evidence)
    assert found.evidence


def changes(path: str, value: Any) -> Spoil:
    def spoil(cluster: RecordedCluster) -> None:
        cluster.answers[path] = value

    return spoil


def attribute(name: str, value: Any) -> Spoil:
    return lambda cluster: setattr(cluster, name, value)


def host_path() -> dict[str, Any]:
    taken = world.pod("taker")
    taken["spec"]["volumes"] = [{"name": "gpu", "hostPath": {"path": "/dev/nvidia0"}}]
    return taken


def moved(route: dict[str, Any], **parent: Any) -> dict[str, Any]:
    route["status"]["parents"] = [{**route["status"]["parents"][0], **parent}]
    return route


VIOLATIONS: list[tuple[str, Spoil, str]] = [
    ("ai_inference", changes(world.CLASS, {}), "GatewayClass ml-platform is not accepted"),
    (
        "ai_inference",
        changes(
            world.GATEWAY,
            {"metadata": {"generation": 4}, "status": world.conditions("Accepted", "Programmed", observedGeneration=3)},
        ),
        "Gateway gateway is not Accepted; Gateway gateway is not Programmed",
    ),
    (
        "ai_inference",
        changes(world.ROUTE, moved(world.route(), **world.conditions("Accepted"))),
        "HTTPRoute vision/digits is not ResolvedRefs",
    ),
    (
        "ai_inference",
        changes(world.ROUTE, moved(world.route(), controllerName="somebody.else/gateway")),
        "HTTPRoute vision/digits is not Accepted; HTTPRoute vision/digits is not ResolvedRefs",
    ),
    (
        "ai_inference",
        changes(
            world.DEPLOYMENTS.format("ml-platform-gateway"),
            [world.deployment("envoy-gateway", "ml-platform-gateway", 0, 0)],
        ),
        "Deployment ml-platform-gateway/envoy-gateway has 0 of 1 pods",
    ),
    ("ai_inference", attribute("keeps_weights", False), "is not taken: fields were dropped"),
    ("ai_inference", attribute("codes", {None: 200, "key": 200}), "endpoint digits answers 200 without a key, not 401"),
    ("ai_inference", attribute("codes", {None: 401, "key": 503}), "endpoint digits answers 503 with its key, not 200"),
    (
        "gang_scheduling",
        changes(world.WORKLOADS, [world.workload("part", 4, 3)]),
        "Workload vision/job-part is admitted with 3 of 4 pods",
    ),
    (
        "gang_scheduling",
        changes(world.TEAM_PODS, [world.pod("waits-x", job="waits"), world.pod("waits-y", job="waits")]),
        "Workload vision/job-waits is not admitted, and has 2 pods",
    ),
    (
        "gang_scheduling",
        changes(
            f"{world.KUEUE}/clusterqueues/ml-platform-vision", {"status": world.conditions("Active", status="False")}
        ),
        "ClusterQueue ml-platform-vision is not active",
    ),
    ("cluster_autoscaling", changes(world.NODE_POOLS, [world.node_pool("False")]), "NodeClass a10g not found"),
    (
        "pod_autoscaling",
        changes(world.HPAS, [world.hpa("True"), world.hpa("False", "FailedGetPodsMetric")]),
        "HorizontalPodAutoscaler vision/llm: ScalingActive=False, FailedGetPodsMetric",
    ),
    (
        "accelerator_metrics",
        lambda cluster: cluster.samples.update({"DCGM_FI_DEV_FB_USED": []}),
        "DCGM_FI_DEV_FB_USED has 0 series of 1 GPUs of node a10g-0",
    ),
    (
        "ai_service_metrics",
        changes(world.TEAM_PODS, [world.pod("digits-2")]),
        "vision/digits-2 is not scraped: no target",
    ),
    (
        "ai_service_metrics",
        lambda cluster: cluster.samples.update({'up{job="serving"}': [({"pod": "digits-1"}, 0.0)]}),
        "vision/digits-1 is not scraped: up=0",
    ),
    ("secure_accelerator_access", changes(world.TEAM_PODS, [host_path()]), "pod vision/taker mounts /dev/nvidia0"),
    (
        "secure_accelerator_access",
        attribute("devices", {"run": "nvidia0\nnvidia1\n", "digits-1": ""}),
        "pod vision/run was given 1 GPUs and sees 2",
    ),
    ("secure_accelerator_access", attribute("admitted_pods", {"hostPath"}), "no-host-paths is not enforced"),
    (
        "secure_accelerator_access",
        attribute("admitted_pods", {"gpus"}),
        "gpus-with-limits-and-tolerations is not enforced",
    ),
    ("robust_controller", attribute("suspends", False), "Kueue's webhook does not suspend a job of team vision"),
    (
        "robust_controller",
        changes(
            world.DEPLOYMENTS.format("ml-platform-queues"), [world.deployment("kueue", "ml-platform-queues", 1, 0)]
        ),
        "Deployment ml-platform-queues/kueue has 0 of 1 pods",
    ),
    (
        "robust_controller",
        changes(f"{world.DEFINITIONS}/workloads.kueue.x-k8s.io", {}),
        "definition workloads is not established",
    ),
    (
        "pod_security",
        attribute("admitted_pods", {"privileged"}),
        "team speech: no-privileged-containers is not enforced",
    ),
    (
        "secret_isolation",
        attribute("rights", {("vision-leads", "vision"), ("speech-leads", "speech"), ("vision-developers", "speech")}),
        "group vision-developers may get Secrets in speech",
    ),
    (
        "secret_isolation",
        attribute("rights", {("vision-leads", "vision")}),
        "group speech-leads may not get Secrets in speech",
    ),
    (
        "network_isolation",
        attribute("reaches", {("asker", "10.244.0.8"), ("digits-1", "10.96.0.7"), ("asker", "10.244.0.9")}),
        "pod ml-platform-conformance-1/asker to pod vision/digits-1: reached",
    ),
    ("network_isolation", attribute("reaches", set()), "pod ml-platform-conformance-1/asker to its neighbour: refused"),
]


@pytest.mark.parametrize(("item", "spoil", "reason"), VIOLATIONS)
def test_a_violation_fails_its_item_and_is_named(item: str, spoil: Spoil, reason: str) -> None:
    found = outcome(item, spoil)
    assert found.verdict == "failed"
    assert reason in found.reason


@pytest.mark.parametrize(("controller", "verdict"), [("gateway.envoyproxy.io/theirs", "passed"), ("other", "failed")])
def test_routes_of_an_existing_class_are_accepted_by_its_own_controller(
    tmp_path: Path, controller: str, verdict: str
) -> None:
    cluster, shown = RecordedCluster(), stack()
    cluster.answers[f"{world.GATEWAY_API}/gatewayclasses/eg"] = {
        "spec": {"controllerName": "gateway.envoyproxy.io/theirs"},
        "status": world.conditions("Accepted"),
    }
    cluster.answers[world.ROUTE] = moved(world.route(), controllerName=controller)
    declared = declare(existing(), "Pulumi.test.yaml", project(tmp_path))
    assert CHECKS["ai_inference"](Stack(declared, shown.outputs), cluster).verdict == verdict


def test_each_must_has_a_violation_that_fails_it() -> None:
    assert {item for item, _, _ in VIOLATIONS} >= MUST


ONLY_SIMULATED = changes("/api/v1/nodes", [world.node("a10g-0", simulated=True)])
EXCEPTED: dict[str, object] = {"policy": {"exceptions": {"no-host-paths": {"speech": "approved by the security team"}}}}
NOT_SHOWN: list[tuple[str, Spoil | None, dict[str, object], str]] = [
    ("ai_inference", None, {"gateway": None, "serving": {}}, "the stack declares no gateway"),
    ("gang_scheduling", None, {"queues": None}, "Kueue is not installed"),
    ("robust_controller", None, {"queues": None}, "Kueue is not installed"),
    ("gang_scheduling", changes(world.WORKLOADS, []), {}, "no job of several pods is in a queue"),
    ("gang_scheduling", changes(world.WORKLOADS, [world.workload("a", 2, 2)]), {}, "none was seen to wait as a whole"),
    ("gang_scheduling", changes(world.WORKLOADS, [world.workload("b", 2, 0)]), {}, "none was seen to start as a whole"),
    ("cluster_autoscaling", changes(world.NODE_POOLS, []), {}, "the local foundation has no autoscaler of nodes"),
    ("cluster_autoscaling", changes(world.NODE_CLAIMS, []), {}, "this check buys none"),
    ("pod_autoscaling", changes(world.HPAS, []), {}, "by a controller of its own"),
    ("pod_autoscaling", changes(world.HPAS, [world.hpa("True", metric="Resource")]), {}, "by a custom metric"),
    ("accelerator_metrics", None, {"monitoring": None, "gateway": {}}, "the stack declares no monitoring"),
    ("accelerator_metrics", ONLY_SIMULATED, {}, "all GPUs are simulated: their metrics are made up"),
    ("accelerator_metrics", changes("/api/v1/nodes", []), {}, "no node with GPUs is there"),
    ("ai_service_metrics", changes(world.TEAM_PODS, []), {}, "no pod of an endpoint is ready"),
    ("secure_accelerator_access", ONLY_SIMULATED, {}, "no container runs with one"),
    ("secure_accelerator_access", changes(world.TEAM_PODS, []), {}, "no pod with GPUs runs"),
    ("driver_runtime_management", ONLY_SIMULATED, {}, "they have no driver"),
    ("gpu_sharing", None, {}, "whole GPUs only"),
    ("virtualized_accelerator", None, {}, "no node has virtual GPUs"),
    ("advanced_inference_ingress", None, {}, "no gateway serves an InferencePool"),
    ("high_performance_networking", None, {}, "no DRA driver publishes network devices"),
    ("disaggregated_inference", None, {}, "none splits prefill and decode"),
    ("pod_security", None, EXCEPTED, "no-host-paths in speech: approved by the security team"),
    ("secure_accelerator_access", None, EXCEPTED, "no-host-paths in speech: approved by the security team"),
    ("network_isolation", changes(world.TEAM_PODS, []), {}, "no pod of an endpoint of a team is ready"),
]


@pytest.mark.parametrize(("item", "spoil", "sections", "reason"), NOT_SHOWN)
def test_what_can_not_be_shown_says_why_and_does_not_pass(
    item: str, spoil: Spoil | None, sections: dict[str, object], reason: str
) -> None:
    found = outcome(item, spoil, **sections)
    assert found.verdict == "not shown"
    assert reason in found.reason


def test_simulated_gpus_without_metrics_fail() -> None:
    def spoil(cluster: RecordedCluster) -> None:
        ONLY_SIMULATED(cluster)
        cluster.samples.clear()

    assert outcome("accelerator_metrics", spoil).verdict == "failed"


def test_connections_between_teams_are_tried_both_ways() -> None:
    def two_teams(cluster: RecordedCluster) -> None:
        other = world.pod("talks-1")
        other["status"]["podIP"] = "10.244.0.10"
        cluster.answers["/api/v1/namespaces/speech/pods"] = [other]
        cluster.reaches |= {("talks-1", "10.96.0.7"), ("talks-1", "10.244.0.9")}

    found = outcome("network_isolation", two_teams)
    assert (found.verdict, found.reason) == ("failed", "pod speech/talks-1 to pod vision/digits-1: reached")
    assert "connect from pod vision/digits-1 to pod speech/talks-1" in [each.ran for each in found.evidence]


def test_a_group_of_two_teams_has_the_rights_of_both() -> None:
    leads = {"groups": {"admin": ["leads"]}}
    both = {"vision": {**leads, "quota": {"cpu": 12, "memory": "32Gi", "gpus": 2}}}
    other = {"speech": {"groups": {"viewer": ["leads"]}, "quota": {"cpu": 2, "memory": "4Gi"}}}
    rights = attribute("rights", {("leads", "vision")})
    assert outcome("secret_isolation", rights, teams={**both, **other}).verdict == "passed"
    more = attribute("rights", {("leads", "vision"), ("leads", "speech")})
    assert outcome("secret_isolation", more, teams={**both, **other}).verdict == "failed"


def test_a_pod_that_a_quota_refuses_is_no_proof_of_a_rule() -> None:
    """Everything else has admitted it."""
    refused = (
        'pods "conformance" is forbidden: exceeded quota: team, requested: pods=1, used: pods=10, limited: pods=10'
    )

    class Full(RecordedCluster):
        def dry_run(self, path: str, manifest: Any) -> Any:
            answer = super().dry_run(path, manifest)
            return answer if answer.refusal else type(answer)(refusal=refused)

    full = Full()
    assert CHECKS["pod_security"](stack(), full).verdict == "passed"
    full.admitted_pods = {"privileged"}
    found = CHECKS["pod_security"](stack(), full)
    assert (found.verdict, "exceeded quota" in found.reason) == ("failed", True)


def test_dra_is_shown_by_a_driver_s_devices() -> None:
    path, kinds = "/apis/resource.k8s.io/v1", ("deviceclasses", "resourceclaims", "resourceclaimtemplates")
    served = {"resources": [{"name": each} for each in (*kinds, "resourceslices")]}
    assert outcome("dra_support").verdict == "failed"
    assert outcome("dra_support", changes(path, served)).verdict == "not shown"

    def with_driver(cluster: RecordedCluster) -> None:
        cluster.answers |= {path: served, f"{path}/resourceslices": [{"spec": {"driver": "gpu.nvidia.com"}}]}

    assert outcome("dra_support", with_driver).verdict == "passed"


def test_one_check_that_can_not_be_run_does_not_stop_the_others() -> None:
    class Forbidden(RecordedCluster):
        def query(self, promql: str) -> Any:
            raise ApiException(status=403, reason="Forbidden")

    report = examine("dev", stack(), Forbidden(), lambda item: None)
    errors = {each.item.id: each.outcome.reason for each in report.having("error")}
    assert errors == dict.fromkeys(
        ("accelerator_metrics", "ai_service_metrics"), "the API server answers 403: Forbidden"
    )
    assert [each.item for each in report.results] == checklist.items(34)
    assert {each.item.id for each in report.having("failed")} == {"dra_support"}


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["passed", "not shown"], 0),
        (["passed", "failed"], 1),
        (["failed", "error"], 1),
        (["passed", "error"], 2),
        ([], 0),
    ],
)
def test_the_exit_code_is_that_of_the_worst_item(verdicts: list[Any], code: int) -> None:
    results = [Result(item, Outcome(verdict)) for item, verdict in zip(checklist.ITEMS, verdicts, strict=False)]
    assert Report("dev", "", {}, results).exit_code == code


@pytest.mark.parametrize(("version", "number"), [("v1.34.4", 34), ("v1.36.2-eks-1234", 36), ("v1.33+", 33)])
def test_versions_of_vendors_are_read(version: str, number: int) -> None:
    assert minor(version) == number
