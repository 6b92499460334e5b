"""The log store: small, reached by its collector and its proxy only, and each login reads its own tenant."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from infra.catalogue.names import LOCAL_POD_LOGS
from infra.declaration.types import cpu_millis, memory_bytes
from infra.observability.logs.reader import users_file
from infra.observability.logs.tenants import tenant
from infra.secrets.derive import derived_password
from offline.cluster.addresses import POD_LOGS
from tests.unit.components.recorder import Recorder, created, inputs, platform, pods
from tests.unit.declaration.samples import small

NAMESPACE = "ml-platform-logs"
PARTS = {"Deployment log-store", "DaemonSet log-collector", "StatefulSet log-reader"}
NETWORK = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ROLE, BINDING = "kubernetes:rbac.authorization.k8s.io/v1:Role", "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
GROUPS = {
    "teams.vision": {"groups": {"viewer": ["guests"], "developer": ["developers"], "admin": ["leads"]}},
    "teams.speech": {"groups": {"viewer": ["guests"], "developer": ["speakers"]}},
}


def logged(**settings: object) -> Recorder:
    return platform(small(monitoring={"logs": settings}, **GROUPS))


def parts(recorder: Recorder) -> dict[str, dict[str, Any]]:
    return {name: pod for name, pod in pods(recorder).items() if name in PARTS}


def container(recorder: Recorder, part: str) -> dict[str, Any]:
    (only,) = parts(recorder)[part]["spec"]["containers"]
    return dict(only)


def test_without_the_setting_there_is_none() -> None:
    recorder = platform(small(monitoring={}))
    assert parts(recorder) == {}
    assert NAMESPACE not in created(recorder, "kubernetes:core/v1:Namespace")


def test_it_asks_for_little() -> None:
    requests = [container(logged(), part)["resources"]["requests"] for part in PARTS]
    assert sum(cpu_millis(each["cpu"]) for each in requests) < 300
    assert sum(memory_bytes(each["memory"]) for each in requests) < memory_bytes("384Mi")


def test_only_the_collector_sees_the_node_and_no_part_the_api() -> None:
    recorder = logged()
    for name, pod in parts(recorder).items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert container(recorder, name)["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        paths = {each["hostPath"]["path"] for each in spec["volumes"] if "hostPath" in each}
        if name == "DaemonSet log-collector":
            assert container(recorder, name)["securityContext"]["runAsUser"] == 0
            assert paths == {LOCAL_POD_LOGS, f"/var/lib/ml-platform-logs/{NAMESPACE}"}
        else:
            assert paths == set()
            assert spec["securityContext"]["runAsNonRoot"] is True
    (pod_logs,) = [
        each for each in container(recorder, "DaemonSet log-collector")["volumeMounts"] if each.get("readOnly")
    ]
    assert pod_logs["mountPath"] == "/var/log/pods"


def test_the_local_node_keeps_logs_where_the_collector_reads_them() -> None:
    assert LOCAL_POD_LOGS == POD_LOGS


def test_retention_and_size_are_those_that_are_declared() -> None:
    args = container(logged(retention="14d", storage="10Gi"), "Deployment log-store")["args"]
    assert "-retentionPeriod=14d" in args
    assert f"-retention.maxDiskSpaceUsageBytes={8 * 2**30}" in args
    claim = inputs(logged(storage="10Gi"), "kubernetes:core/v1:PersistentVolumeClaim", "log-store")
    assert claim["spec"]["resources"]["requests"] == {"storage": "10Gi"}


def test_each_namespace_is_of_its_owners_tenant() -> None:
    args = container(logged(), "DaemonSet log-collector")["args"]
    patterns = [each.partition("=")[2] for each in args if each.startswith("-fileCollector.glob=")]
    tenants = [each.partition("=")[2] for each in args if each.startswith("-fileCollector.tenantID=")]
    owners = {"ml-platform": "platform", NAMESPACE: "platform", "vision": "vision", "speech": "speech"}
    assert dict(zip(patterns, tenants, strict=True)) == {
        f"/var/log/pods/{namespace}_*/*/*.log": str(tenant(owner)) for namespace, owner in owners.items()
    }


def test_tenants_are_apart_and_stay_the_same() -> None:
    names = [f"team-{n}" for n in range(1000)]
    assert len({str(tenant(name)) for name in names}) == 1000
    assert str(tenant("vision")) == "1497673348:2487746844"


def test_every_user_has_one_route_that_sets_the_tenant() -> None:
    """Headers beside the routes would be ignored, and a reader's own passed on."""
    users = json.loads(users_file(["platform", "vision"], ["old", "new"]))["users"]
    assert [user["username"] for user in users] == ["platform", "platform", "vision", "vision"]
    for user in users:
        (route,) = user["url_map"]
        assert route["headers"] == tenant(user["username"]).headers
        assert set(route["src_paths"]) == {"/select/logsql/query", "/select/logsql/tail"}
        assert set(user) == {"username", "password", "url_map"}
    assert {user["password"] for user in users[2:]} == {derived_password(key, "vision") for key in ("old", "new")}


@pytest.mark.parametrize(("team", "groups"), [("vision", ["developers", "leads"]), ("speech", ["speakers"])])
def test_who_reads_pods_logs_reads_the_login_of_the_team_and_no_other_secret(team: str, groups: list[str]) -> None:
    recorder = logged()
    (rule,) = inputs(recorder, ROLE, f"{team}-logs-credentials")["rules"]
    assert rule == {
        "apiGroups": [""],
        "resources": ["secrets"],
        "resourceNames": ["logs-credentials"],
        "verbs": ["get"],
    }
    subjects = inputs(recorder, BINDING, f"{team}-logs-credentials")["subjects"]
    assert [each["name"] for each in subjects] == groups


def test_readers_forward_a_port_to_the_proxys_pod_alone() -> None:
    recorder = logged()
    rules = inputs(recorder, ROLE, f"{NAMESPACE}-log-reader")["rules"]
    assert {(*each["resources"], *each["resourceNames"]) for each in rules} == {
        ("pods", "log-reader-0"),
        ("pods/portforward", "log-reader-0"),
    }
    subjects = inputs(recorder, BINDING, f"{NAMESPACE}-log-reader")["subjects"]
    assert [each["name"] for each in subjects] == ["developers", "leads", "speakers"]
    assert "-httpListenAddr=127.0.0.1:8427" in container(recorder, "StatefulSet log-reader")["args"]


def test_only_the_collector_and_the_proxy_reach_the_store() -> None:
    recorder = logged()
    names = [name for name in created(recorder, NETWORK) if name.startswith(f"{NAMESPACE}-")]
    policies = {name.removeprefix(f"{NAMESPACE}-"): inputs(recorder, NETWORK, name)["spec"] for name in names}
    assert set(policies) == {"default-deny", "log-store", "log-collector", "log-reader", "dns"}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert [name for name, spec in policies.items() if "ingress" in spec] == ["log-store"]
    (rule,) = policies["log-store"]["ingress"]
    allowed = [each["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for each in rule["from"]]
    assert (allowed, rule["ports"]) == (["log-collector", "log-reader"], [{"protocol": "TCP", "port": 9428}])


def test_its_namespace_alone_is_excepted_from_the_rules_about_paths_and_root() -> None:
    level = inputs(logged(), "kubernetes:core/v1:Namespace", NAMESPACE)["metadata"]["labels"]
    assert level["pod-security.kubernetes.io/enforce"] == "privileged"


def test_alerts_watch_its_objects() -> None:
    recorder = logged()
    assert f"{NAMESPACE}-ml-platform-kube-state-metrics" in created(recorder, BINDING)
    options = inputs(recorder, "kubernetes:core/v1:ConfigMap", "kube-state-metrics")["data"]["options.yml"]
    assert NAMESPACE in yaml.safe_load(options)["namespaces"]
