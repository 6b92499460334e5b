"""Monitoring's resources: small requests, and read-only access to the stack's namespaces only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
import yaml

from infra.declaration.monitoring import Monitoring as Settings
from infra.declaration.types import cpu_millis, memory_bytes
from infra.foundation import Placement, Toleration, Volume
from infra.images import BuiltImage
from infra.observability.prometheus import Monitoring, MonitoringArgs
from infra.tenancy import Workspace, WorkspaceArgs
from tests.unit.components.recorder import Recorder, created, inputs, pods, record

READERS = {"Deployment prometheus", "Deployment kube-state-metrics", "Deployment gpu-simulator"}
OTHERS = {"Deployment alertmanager", "DaemonSet node-exporter"}
HOOK = {"hook": {"webhook": {"url": "https://alerts.example/hook", "token": "hook-token"}}}


def monitored(*, simulated: bool = True, **settings: object) -> Recorder:
    def image(name: str) -> BuiltImage:
        return BuiltImage(name, "", "", pulumi.Output.from_input(f"registry/{name}@sha256:{name}"))

    def program() -> Mapping[str, Any]:
        own = Workspace("ml-platform", WorkspaceArgs("dev", "platform", None))
        team = Workspace("vision", WorkspaceArgs("dev", "team", None, team="vision"))
        taints = [Toleration("nvidia.com/gpu", "present", "NoSchedule")]
        Monitoring(
            "monitoring",
            MonitoringArgs(
                settings=Settings.model_validate(settings),
                stack="dev",
                workspace=own,
                teams={"vision": team},
                endpoints={"digits": "vision"},
                image=image("prometheus"),
                gpu_simulator=image("gpu-simulator") if simulated else None,
                pools={"a10g": Placement("a10g", {}, taints, simulated=simulated)},
                secrets={"hook-token": pulumi.Output.secret("very-secret")},
                volume=Volume(None),
                protect_data=True,
            ),
        )
        return {}

    return record(program)


def container(pod: Mapping[str, Any]) -> dict[str, Any]:
    (only,) = pod["spec"]["containers"]
    return dict(only)


def test_the_requests_sum_up_to_less_than_one_core_and_one_and_a_half_gibibytes() -> None:
    requests = [container(pod)["resources"]["requests"] for pod in pods(monitored()).values()]
    assert len(requests) == len(READERS | OTHERS)
    assert sum(cpu_millis(each["cpu"]) for each in requests) < 1000
    assert sum(memory_bytes(each["memory"]) for each in requests) < memory_bytes("1536Mi")


def test_every_pod_is_restricted_and_has_probes() -> None:
    found = pods(monitored())
    assert set(found) == READERS | OTHERS
    for name, pod in found.items():
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name
        assert not [volume for volume in pod["spec"]["volumes"] if "hostPath" in volume], name
        assert {"readinessProbe", "livenessProbe"} <= set(container(pod)), name
        assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "monitoring", name


def test_only_those_that_read_the_cluster_have_a_token() -> None:
    holders = {
        name
        for name, pod in pods(monitored()).items()
        for volume in pod["spec"]["volumes"]
        if "serviceAccountToken" in str(volume)
    }
    assert holders == READERS


def test_nothing_may_be_written_and_nothing_is_allowed_by_a_wildcard() -> None:
    recorder = monitored()
    roles = created(recorder, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole")
    assert len(roles) == 2 * len(READERS)
    for role in roles:
        for rule in inputs(recorder, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", role)["rules"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
            assert "*" not in [*rule["apiGroups"], *rule["resources"]]
            assert not {"secrets", "configmaps", "nodes/proxy"} & set(rule["resources"])


def test_only_nodes_are_read_outside_of_the_stack_s_namespaces() -> None:
    recorder = monitored()
    for role in created(recorder, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"):
        rules = inputs(recorder, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", role)["rules"]
        assert {resource for rule in rules for resource in rule["resources"]} <= {"nodes", "nodes/metrics"}
    spaces = {
        inputs(recorder, "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", name)["metadata"]["namespace"]
        for name in created(recorder, "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding")
    }
    assert spaces == {"ml-platform", "vision"}


def test_real_gpus_need_no_simulator_and_their_nodes_are_watched_too() -> None:
    found = pods(monitored(simulated=False))
    assert "Deployment gpu-simulator" not in found
    assert found["DaemonSet node-exporter"]["spec"]["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]
    assert (
        "tolerations" not in pods(monitored())["DaemonSet node-exporter"]["spec"]
        or not pods(monitored())["DaemonSet node-exporter"]["spec"]["tolerations"]
    )


def test_a_receiver_s_secret_is_a_file_and_not_in_the_configuration() -> None:
    recorder = monitored(receivers=HOOK, routes={"vision": "hook"})
    config = inputs(recorder, "kubernetes:core/v1:ConfigMap", "alertmanager")["data"]["alertmanager.yml"]
    assert "very-secret" not in config
    (hook,) = [each for each in yaml.safe_load(config)["receivers"] if each["name"] == "hook"]
    named = hook["webhook_configs"][0]["http_config"]["authorization"]["credentials_file"]
    assert named == "/var/run/secrets/receivers/hook-token"
    assert inputs(recorder, "kubernetes:core/v1:Secret", "receivers")["stringData"] == {"hook-token": "very-secret"}


def test_a_changed_rule_rolls_no_pod() -> None:
    before, after = pods(monitored()), pods(monitored(alerts={"GpuIdle": {"for": "1h", "threshold": 2}}))
    assert before == after


def test_retention_is_as_declared_and_never_fills_the_volume() -> None:
    args = container(pods(monitored(retention="15d", storage="10Gi"))["Deployment prometheus"])["args"]
    assert f"--storage.tsdb.retention.time={15 * 86400}s" in args
    assert f"--storage.tsdb.retention.size={8 * 2**30}B" in args


def test_prometheus_has_time_to_replay_its_write_ahead_log() -> None:
    probe = container(pods(monitored())["Deployment prometheus"])["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 15 * 60


@pytest.mark.parametrize("job", ["serving", "training"])
def test_samples_of_a_team_s_pods_are_limited(job: str) -> None:
    config = yaml.safe_load(inputs(monitored(), "kubernetes:core/v1:ConfigMap", "prometheus")["data"]["prometheus.yml"])
    (asked,) = [each for each in config["scrape_configs"] if each["job_name"] == job]
    assert asked["sample_limit"] == 2000


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_data_outlives_the_pod(name: str) -> None:
    claim = inputs(monitored(), "kubernetes:core/v1:PersistentVolumeClaim", name)
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


@pytest.mark.parametrize(("name", "port"), [("prometheus", 9090), ("alertmanager", 9093)])
def test_links_in_notifications_use_the_service_and_not_a_pod(name: str, port: int) -> None:
    args = container(pods(monitored())[f"Deployment {name}"])["args"]
    assert f"--web.external-url=http://{name}.ml-platform.svc:{port}" in args
