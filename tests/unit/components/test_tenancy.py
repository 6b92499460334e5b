"""Teams: who may do what, how much of it, and which pods talk to which."""

from __future__ import annotations

from typing import Any

import pytest

from infra.foundation.aws.pod_network import dns_address
from infra.tenancy.access import RULES
from tests.unit.components.recorder import Recorder, created, inputs, platform, pods
from tests.unit.declaration.samples import on_aws, small

NETWORK = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ROLE = "kubernetes:rbac.authorization.k8s.io/v1:Role"
BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
QUOTAS = "kubernetes:core/v1:ResourceQuota"
CLASS = "kubernetes:scheduling.k8s.io/v1:PriorityClass"
GROUPS = {"viewer": ["guests"], "admin": ["leads", "owners"]}
QUOTA = {"cpu": 12, "memory": "32Gi", "gpus": 2}
TRACKING = {"app.kubernetes.io/name": "tracking", "app.kubernetes.io/component": "tracking"}


def stack(**changes: object) -> Recorder:
    return platform(small(**changes))


def policy(recorder: Recorder, name: str) -> dict[str, Any]:
    return dict(inputs(recorder, NETWORK, name)["spec"])


def test_rules_are_explicit() -> None:
    for role, rules in RULES.items():
        words = {word for group, resources, verbs in rules for word in (group, *resources, *verbs)}
        assert not any("*" in word for word in words), role


@pytest.mark.parametrize("role", ["viewer", "developer"])
def test_secrets_are_for_admins(role: str) -> None:
    rules = {str(name): found for name, found in RULES.items()}
    resources = {resource for _, resources, _ in rules[role] for resource in resources}
    assert "secrets" not in resources
    assert "secrets" in {resource for _, resources, _ in rules["admin"] for resource in resources}


def test_no_role_hands_on_rights() -> None:
    for rules in RULES.values():
        for group, _, verbs in rules:
            assert group != "rbac.authorization.k8s.io" or set(verbs) <= {"get", "list", "watch"}
            assert not {"bind", "escalate", "impersonate"} & set(verbs)


def test_groups_are_bound_in_their_team_only() -> None:
    recorder = stack(**{"teams.vision.groups": GROUPS})
    assert created(recorder, ROLE) == [
        f"{team}-{role}" for team in ("speech", "vision") for role in ("admin", "developer", "viewer")
    ]
    assert created(recorder, BINDING) == ["vision-admin", "vision-viewer"]
    binding = inputs(recorder, BINDING, "vision-admin")
    assert binding["metadata"]["namespace"] == "vision"
    assert binding["roleRef"]["name"] == "admin"
    assert [subject["name"] for subject in binding["subjects"]] == ["leads", "owners"]
    assert {subject["kind"] for subject in binding["subjects"]} == {"Group"}


def test_a_quota_limits_what_is_asked_for() -> None:
    recorder = stack(**{"teams.vision.quota": QUOTA})
    assert [name for name in created(recorder, QUOTAS) if name.endswith("-team")] == ["vision-team"]
    assert inputs(recorder, QUOTAS, "vision-team")["spec"]["hard"] == {
        "requests.cpu": "12",
        "requests.memory": "32Gi",
        "limits.memory": "32Gi",
        "limits.ephemeral-storage": "100Gi",
        "requests.storage": "0",
        "requests.nvidia.com/gpu": "2",
        "pods": "100",
    }
    assert created(recorder, "kubernetes:core/v1:LimitRange") == ["speech-team", "vision-team"]


def test_no_team_takes_a_priority_but_its_own_with_a_quota_or_without() -> None:
    recorder = stack(**{"teams.vision.quota": QUOTA})
    for team in ("speech", "vision"):
        spec = inputs(recorder, QUOTAS, f"{team}-priorities-of-others")["spec"]
        exists, others = spec["scopeSelector"]["matchExpressions"]
        assert spec["hard"] == {"pods": "0"}
        assert exists == {"scopeName": "PriorityClass", "operator": "Exists"}
        assert (others["scopeName"], others["operator"]) == ("PriorityClass", "NotIn")
        assert others["values"] == ["ml-platform-training", "ml-platform-serving"]


def test_nothing_reaches_a_team_but_its_neighbours_and_monitoring() -> None:
    recorder = stack()
    found = {name: policy(recorder, name) for name in created(recorder, NETWORK) if name.startswith("vision-")}
    assert found["vision-default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ingress = {name: spec["ingress"] for name, spec in found.items() if "ingress" in spec}
    assert ingress == {
        "vision-same-namespace": [{"from": [{"podSelector": {}}]}],
        "vision-monitoring": [
            {
                "from": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ml-platform"}},
                        "podSelector": {"matchLabels": {"app.kubernetes.io/component": "monitoring"}},
                    }
                ]
            }
        ],
    }


def test_a_team_reaches_its_neighbours_names_and_the_tracking_server() -> None:
    recorder = stack()
    egress = {
        name: policy(recorder, name)["egress"]
        for name in created(recorder, NETWORK)
        if name.startswith("vision-") and "egress" in policy(recorder, name)
    }
    dns = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    assert set(egress) == {"vision-same-namespace", "vision-tracking", "vision-dns"}
    assert egress["vision-dns"] == [{"to": [{"ipBlock": {"cidr": "10.244.0.1/32"}}], "ports": dns}]
    assert egress["vision-tracking"] == [
        {
            "to": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ml-platform"}},
                    "podSelector": {"matchLabels": TRACKING},
                }
            ],
            "ports": [{"protocol": "TCP", "port": 5000}],
        }
    ]


def test_the_hole_to_the_tracking_server_fits_its_pods() -> None:
    template = pods(stack())["Deployment tracking"]
    assert template["metadata"]["labels"].items() >= TRACKING.items()
    ports = {port["name"]: port["containerPort"] for port in template["spec"]["containers"][0]["ports"]}
    assert ports == {"http": 5000, "metrics": 5001}


def test_the_platform_answers_its_own_teams_on_the_tracking_servers_port_only() -> None:
    recorder = stack()
    assert policy(recorder, "ml-platform-default-deny") == {"podSelector": {}, "policyTypes": ["Ingress"]}
    neighbours = policy(recorder, "ml-platform-same-namespace")
    not_checks = {"key": "app.kubernetes.io/component", "operator": "NotIn", "values": ["gpu-check"]}
    assert neighbours["ingress"] == [{"from": [{"podSelector": {"matchExpressions": [not_checks]}}]}]
    hole = policy(recorder, "ml-platform-tracking")
    assert hole["podSelector"] == {"matchLabels": TRACKING}
    (rule,) = hole["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 5000}]
    selector = rule["from"][0]["namespaceSelector"]
    assert selector["matchLabels"] == {"ml-platform.io/platform": "ml-platform"}
    assert selector["matchExpressions"] == [{"key": "ml-platform.io/team", "operator": "Exists"}]


def test_on_aws_names_are_answered_at_the_services_tenth_address() -> None:
    recorder = platform(on_aws(**{"foundation.aws.cluster.serviceCidr": "172.21.0.0/16"}))
    assert dns_address("172.21.0.0/16") == "172.21.0.10"
    assert policy(recorder, "vision-dns")["egress"][0]["to"] == [{"ipBlock": {"cidr": "172.21.0.10/32"}}]
    switch = inputs(recorder, "kubernetes:core/v1:ConfigMapPatch", "amazon-vpc-cni")
    assert switch["data"] == {"enable-network-policy-controller": "true"}


def test_on_aws_one_role_may_be_in_several_groups() -> None:
    role = "arn:aws:iam::123456789012:role/vision"
    changes = {
        "foundation.aws.cluster.groups": {"leads": role, "guests": role},
        "teams.vision.groups": {"admin": ["leads"], "viewer": ["guests"]},
    }
    entry = inputs(platform(on_aws(**changes)), "aws:eks/accessEntry:AccessEntry", "groups-vision")
    assert (entry["principalArn"], entry["kubernetesGroups"]) == (role, ["guests", "leads"])


def test_training_gives_way_to_serving_and_both_to_the_platform() -> None:
    recorder = stack()
    ranks = {name: inputs(recorder, CLASS, name)["value"] for name in created(recorder, CLASS)}
    assert ranks["ml-platform-training"] < ranks["ml-platform-serving"] < ranks["ml-platform-platform"]
    chosen = {owner: pod["spec"]["priorityClassName"] for owner, pod in pods(recorder).items()}
    assert chosen == {
        "Job digits": "ml-platform-training",
        "Deployment digits": "ml-platform-serving",
        "Deployment tracking": "ml-platform-platform",
        "Job tracking": "ml-platform-platform",
    }


def test_the_default_account_has_no_token() -> None:
    account = inputs(stack(), "kubernetes:core/v1:ServiceAccountPatch", "vision-default")
    assert account["metadata"]["name"] == "default"
    assert account["automountServiceAccountToken"] is False
