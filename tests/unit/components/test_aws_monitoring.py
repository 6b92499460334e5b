"""Monitoring where metrics are kept beyond the cluster, alerts are published and GPUs are real."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from infra.catalogue.metrics import GPU
from infra.gpu.exporter import COUNTERS, counters_file
from tests.unit.components.recorder import Recorder, created, inputs, platform
from tests.unit.declaration.samples import GONE, on_aws, small

DAEMON_SET = "kubernetes:apps/v1:DaemonSet"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
POLICY = "aws:iam/rolePolicy:RolePolicy"
WORKSPACE, TOPIC = "aws:amp/workspace:Workspace", "aws:sns/topic:Topic"
ENDPOINT, KEY = "aws:ec2/vpcEndpoint:VpcEndpoint", "aws:kms/key:Key"
ON_CALL = {"receivers": {"on-call": {"sns": {"topic": "alerts"}}}, "defaultReceiver": "on-call"}
STORED: dict[str, object] = {"foundation.aws.managedPrometheus": {}}


def watched(**changes: object) -> Recorder:
    return platform(on_aws(**{"monitoring": ON_CALL, **STORED, **changes}))


def config(recorder: Recorder, name: str) -> dict[str, Any]:
    return dict(yaml.safe_load(inputs(recorder, CONFIG_MAP, name)["data"][f"{name}.yml"]))


def statements(recorder: Recorder, role_policy: str) -> list[dict[str, Any]]:
    return list(json.loads(inputs(recorder, POLICY, role_policy)["policy"])["Statement"])


# Metrics


def test_prometheus_writes_to_the_workspace_and_signs_for_its_region() -> None:
    (store,) = config(watched(), "prometheus")["remote_write"]
    assert store["url"] == "https://metrics.example/workspaces/ws-1/api/v1/remote_write"
    assert store["sigv4"] == {"region": "eu-central-1"}
    assert store["queue_config"]["capacity"] >= 2 * store["queue_config"]["max_samples_per_send"]


def test_the_workspace_is_encrypted_and_protected_like_all_that_holds_data() -> None:
    workspace = inputs(watched(), WORKSPACE, "metrics")
    assert workspace["alias"] == "ml-platform-test"
    assert workspace["kmsKeyArn"].startswith("arn:aws:kms:")


def test_prometheus_may_add_to_its_workspace_and_do_nothing_else() -> None:
    (only,) = statements(watched(), "ml-platform-prometheus-metrics")
    assert only["Action"] == ["aps:RemoteWrite"]
    assert only["Resource"] == ["arn:aws:aps:eu-central-1:123456789012:workspace/ws-1"]
    assert [name for name in created(watched(), POLICY) if name.startswith("ml-platform-prometheus")] == [
        "ml-platform-prometheus-metrics"
    ]


def test_without_a_workspace_metrics_stay_in_the_cluster() -> None:
    recorder = platform(on_aws(monitoring=ON_CALL))
    assert created(recorder, WORKSPACE) == []
    assert "remote_write" not in config(recorder, "prometheus")
    assert "ml-platform-prometheus" not in created(recorder, "aws:iam/role:Role")


# Alerts


def test_alerts_are_published_to_a_topic_of_the_stack() -> None:
    receivers = {each["name"]: each for each in config(watched(), "alertmanager")["receivers"]}
    (way,) = receivers["on-call"]["sns_configs"]
    assert way["sigv4"] == {"region": "eu-central-1"}
    assert way["topic_arn"] == "arn:Topic/alerts"
    assert inputs(watched(), TOPIC, "alerts")["name"] == "ml-platform-test-alerts"


def test_a_topic_is_encrypted_and_reached_over_tls_only() -> None:
    topic = inputs(watched(), TOPIC, "alerts")
    assert topic["kmsMasterKeyId"].startswith("arn:aws:kms:")
    refusal, _ = json.loads(topic["policy"])["Statement"]
    assert (refusal["Effect"], refusal["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert "*" not in str(refusal["Principal"])


def test_receivers_that_name_the_same_topic_share_it() -> None:
    receivers = {name: {"sns": {"topic": "alerts"}} for name in ("vision", "speech")}
    assert created(watched(monitoring={"receivers": receivers}), TOPIC) == ["alerts"]


def test_alertmanager_may_publish_to_the_topics_and_do_nothing_else() -> None:
    publish, key = statements(watched(), "ml-platform-alertmanager-topics")
    assert publish["Action"] == ["sns:Publish"]
    assert publish["Resource"] == ["arn:aws:sns:eu-central-1:123456789012:ml-platform-test-alerts"]
    assert key["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]
    assert key["Condition"]["StringEquals"] == {"kms:ViaService": "sns.eu-central-1.amazonaws.com"}


def test_subscriptions_are_declared_by_address() -> None:
    receivers = {name: {"sns": {"topic": "alerts", "email": [f"{name}@example.com"]}} for name in ("a", "b")}
    recorder = watched(monitoring={"receivers": receivers})
    subscription = "aws:sns/topicSubscription:TopicSubscription"
    assert created(recorder, subscription) == ["alerts-a@example.com", "alerts-b@example.com"]
    made = inputs(recorder, subscription, "alerts-a@example.com")
    assert (made["topic"], made["protocol"], made["endpoint"]) == ("arn:Topic/alerts", "email", "a@example.com")


ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def test_alarms_of_the_database_go_to_the_platform_teams_topic() -> None:
    recorder, arn = watched(), "arn:aws:sns:eu-central-1:123456789012:ml-platform-test-alerts"
    assert created(recorder, ALARM) == ["CPUUtilization", "DatabaseConnections", "FreeStorageSpace"]
    alarm = inputs(recorder, ALARM, "FreeStorageSpace")
    assert alarm["dimensions"] == {"DBInstanceIdentifier": "ml-platform-test-tracking"}
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("LessThanThreshold", 2.5 * 2**30)
    assert alarm["alarmActions"] == alarm["okActions"] == [arn]
    _, publish = json.loads(inputs(recorder, TOPIC, "alerts")["policy"])["Statement"]
    assert (publish["Principal"], publish["Resource"]) == ({"Service": "cloudwatch.amazonaws.com"}, [arn])
    allowed = publish["Condition"]["ArnLike"]["aws:SourceArn"].removesuffix("*")
    assert f"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{alarm['name']}".startswith(allowed)
    assert "cloudwatch.amazonaws.com" in inputs(recorder, KEY, "alerts")["policy"]


@pytest.mark.parametrize("monitoring", [{}, {**ON_CALL, "routes": {"platform": "chat"}}])
def test_without_a_topic_for_the_platform_team_there_are_no_alarms(monitoring: dict[str, Any]) -> None:
    chat = {"chat": {"webhook": {"url": "https://example.com"}}}
    declared = {**monitoring, "receivers": {**monitoring.get("receivers", {}), **chat}}
    assert created(watched(monitoring=declared), ALARM) == []


def test_keys_and_private_ways_are_made_for_what_there_is() -> None:
    with_both = watched(**{"foundation.aws.network.interfaceEndpoints": True})
    assert {"aps-workspaces", "sns"} <= set(created(with_both, ENDPOINT))
    assert {"metrics", "alerts"} <= set(created(with_both, KEY))
    without = platform(on_aws(**{"monitoring": {}, "foundation.aws.network.interfaceEndpoints": True}))
    assert not {"aps-workspaces", "sns"} & set(created(without, ENDPOINT))
    assert not {"metrics", "alerts"} & set(created(without, KEY))


# GPUs


def exporters(recorder: Recorder) -> list[str]:
    return [name for name in created(recorder, DAEMON_SET) if name.startswith("dcgm-exporter")]


def pod(recorder: Recorder, name: str = "dcgm-exporter-a10g") -> dict[str, Any]:
    return dict(inputs(recorder, DAEMON_SET, name)["spec"]["template"])


def test_real_gpus_are_measured_on_each_pool_that_has_some() -> None:
    assert exporters(watched()) == ["dcgm-exporter-a10g", "dcgm-exporter-h100"]
    assert "dcgm-exporter" in created(watched(), "aws:ecr/repository:Repository")
    template = pod(watched())
    assert template["spec"]["nodeSelector"] == {"ml-platform.io/pool": "a10g"}
    assert [each["key"] for each in template["spec"]["tolerations"]] == ["ml-platform.io/pool", "nvidia.com/gpu"]


@pytest.mark.parametrize(
    "declaration",
    [small(monitoring={}), on_aws(), on_aws(**{"monitoring": {}, "nodePools.a10g": GONE, "nodePools.h100": GONE})],
    ids=["simulated", "unwatched", "without GPUs"],
)
def test_nothing_is_measured_where_there_is_nothing_to_measure(declaration: dict[str, Any]) -> None:
    recorder = platform(declaration)
    assert exporters(recorder) == []
    assert "dcgm-exporter" not in created(recorder, "docker:index/image:Image")


def test_the_exporter_collects_what_alerts_and_dashboards_are_built_on() -> None:
    assert set(COUNTERS) == GPU
    lines = [line.split(", ") for line in counters_file().splitlines()]
    assert all(len(line) == 3 for line in lines)  # what the exporter reads; a comma in a text would be a fourth
    recorder = watched()
    data = inputs(recorder, CONFIG_MAP, "ml-platform-devices-dcgm-exporter")["data"]
    env = {each["name"]: each.get("value") for each in pod(recorder)["spec"]["containers"][0]["env"]}
    assert data == {"counters.csv": counters_file()}
    assert env["DCGM_EXPORTER_COLLECTORS"] == "/etc/counters/counters.csv"
    assert env["DCGM_EXPORTER_XID_COUNT_WINDOW_SIZE"] == "600000"


def test_an_exporter_that_is_missing_is_seen() -> None:
    recorder = watched()
    options = yaml.safe_load(inputs(recorder, CONFIG_MAP, "kube-state-metrics")["data"]["options.yml"])
    assert "ml-platform-devices" in options["namespaces"]
    binding = "ml-platform-devices-ml-platform-kube-state-metrics"
    role = inputs(recorder, "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", binding)
    assert role["metadata"]["namespace"] == "ml-platform-devices"


def test_the_exporter_knows_pods_and_node_and_has_no_more_than_that_takes() -> None:
    spec = pod(watched())["spec"]
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID"} & set(spec)
    folders = {each["hostPath"]["path"] for each in spec["volumes"] if "hostPath" in each}
    assert folders == {"/var/lib/kubelet/pod-resources", "/dev/null"}
    assert all(mount.get("readOnly") or mount["name"] == "tmp" for mount in container["volumeMounts"])
    env = {each["name"]: each for each in container["env"]}
    assert env["NODE_NAME"]["valueFrom"] == {"fieldRef": {"fieldPath": "spec.nodeName"}}
    assert "nvidia.com/gpu" not in container["resources"]["limits"]


def test_prometheus_finds_exporters_and_keeps_what_they_say_of_pods() -> None:
    recorder = watched()
    (job,) = [
        each
        for each in config(recorder, "prometheus")["scrape_configs"]
        if "ml-platform-devices" in each["kubernetes_sd_configs"][0].get("namespaces", {}).get("names", [])
    ]
    assert job["honor_labels"] is True
    assert {each.get("target_label") for each in job["relabel_configs"]} & {"namespace", "pod"} == set()
    labels = pod(recorder)["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "dcgm-exporter"
    binding = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
    assert "ml-platform-devices-ml-platform-prometheus" in created(recorder, binding)


def test_exporters_answer_monitoring_and_talk_to_nobody() -> None:
    recorder = watched()
    policy = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    closed = inputs(recorder, policy, "ml-platform-devices-default-deny")["spec"]
    assert (closed["podSelector"], closed["policyTypes"]) == ({}, ["Ingress", "Egress"])
    assert "egress" not in closed
    (rule,) = inputs(recorder, policy, "ml-platform-devices-monitoring")["spec"]["ingress"]
    (peer,) = rule["from"]
    assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/component": "monitoring"}
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "ml-platform"}


# What else changes

OWN_CONFIGURATION = {(CONFIG_MAP, name) for name in ("kube-state-metrics", "prometheus", "status")}
"""Told what there is, and read anew by running pods."""
L4 = {
    "instance": {"cpu": 7, "memory": "27Gi"},
    "gpu": {"model": "NVIDIA-L4"},
    "aws": {"instanceTypes": ["g6.2xlarge"]},
}


@pytest.mark.parametrize(
    ("section", "name", "entry"),
    [("teams", "tabular", {}), ("nodePools", "b", L4), ("images", "other", {"context": "images/serving"})],
)
def test_an_inserted_entry_changes_nothing_but_what_monitoring_is_told(
    section: str, name: str, entry: dict[str, Any]
) -> None:
    before = on_aws(monitoring=ON_CALL, **STORED)
    (first, *rest) = before[section].items()
    after = before | {section: dict([first, (name, entry), *rest])}
    kept = {(each.type, each.name): each.inputs for each in platform(after).resources}
    old = {(each.type, each.name): each.inputs for each in platform(before).resources}
    assert len(kept) > len(old)
    changed = {key for key, given in old.items() if kept[key] != given}
    assert changed <= OWN_CONFIGURATION
    assert all(kept[key]["metadata"] == old[key]["metadata"] for key in changed)
