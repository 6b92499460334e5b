"""Declared pools as Karpenter's objects and as managed node groups."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.components.recorder import Recorder, created, inputs, platform, pods
from tests.unit.declaration.samples import GONE, on_aws

POOL, SYSTEM = "ml-platform.io/pool", "ml-platform-system"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
NODE_CLASS = "kubernetes:eks.amazonaws.com/v1:NodeClass"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
DAEMON_SET = "kubernetes:apps/v1:DaemonSet"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def stack(**changes: object) -> Recorder:
    return platform(on_aws(**changes))


def own_taint(name: str) -> dict[str, str]:
    return {"key": POOL, "value": name, "effect": "NoSchedule"}


def template(recorder: Recorder, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = inputs(recorder, NODE_POOL, name)["spec"]["template"]["spec"]
    return spec


def requirements(recorder: Recorder, name: str) -> dict[str, list[str]]:
    return {each["key"]: each["values"] for each in template(recorder, name)["requirements"]}


def test_a_pool_that_is_bought_on_demand() -> None:
    recorder = stack()
    assert requirements(recorder, "plain") == {
        "node.kubernetes.io/instance-type": ["m7i.2xlarge"],
        "karpenter.sh/capacity-type": ["on-demand"],
        "topology.kubernetes.io/zone": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
        "kubernetes.io/arch": ["amd64"],
    }
    spec = inputs(recorder, NODE_POOL, "plain")["spec"]
    assert spec["limits"] == {"cpu": "32"}
    assert spec["template"]["spec"]["taints"] == [own_taint("plain")]


def test_a_pool_of_gpus_on_the_spot_market() -> None:
    recorder = stack(
        **{"nodePools.a10g.taints": ["team=vision:NoExecute"], "nodePools.a10g.aws.zones": ["eu-central-1c"]}
    )
    assert requirements(recorder, "a10g")["karpenter.sh/capacity-type"] == ["spot"]
    assert requirements(recorder, "a10g")["topology.kubernetes.io/zone"] == ["eu-central-1c"]
    spec = inputs(recorder, NODE_POOL, "a10g")["spec"]
    assert spec["limits"] == {"nvidia.com/gpu": "4"}
    assert spec["template"]["metadata"]["labels"] == {
        "ml-platform.io/pool": "a10g",
        "nvidia.com/gpu.product": "NVIDIA-A10G",
        "nvidia.com/gpu.count": "1",
    }
    assert [taint["key"] for taint in spec["template"]["spec"]["taints"]] == [POOL, "nvidia.com/gpu", "team"]
    nodes = inputs(recorder, NODE_CLASS, "a10g")["spec"]
    assert nodes["subnetSelectorTerms"] == [{"id": "private-eu-central-1c-id"}]
    assert nodes["ephemeralStorage"] == {
        "size": "100Gi",
        "kmsKeyID": "arn:aws:kms:eu-central-1:123456789012:key/key-id",
    }


def test_jobs_are_not_moved_and_idle_nodes_go() -> None:
    spec = inputs(stack(), NODE_POOL, "plain")["spec"]
    assert spec["disruption"]["consolidationPolicy"] == "WhenEmpty"
    jobs = [pod for name, pod in pods(stack()).items() if name.startswith("Job ")]
    assert [job["metadata"]["annotations"] for job in jobs] == 2 * [
        {"karpenter.sh/do-not-disrupt": "true", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
    ]


def test_a_node_that_must_go_lets_its_longest_job_end() -> None:
    job = {"team": "vision", "image": "training", "model": "digits", "pool": "plain", "timeout": "72h"}
    recorder = stack(**{"training.long": job})
    grace = {name: template(recorder, name)["terminationGracePeriod"] for name in ("plain", "a10g")}
    assert grace == {"plain": "259200s", "a10g": "86400s"}


def test_nodes_in_use_are_replaced_in_the_maintenance_window_only() -> None:
    """Sunday from 2 to 6: after that, for the rest of the week, no node is."""
    closed = {"nodes": "0", "schedule": "0 6 * * 0", "duration": f"{(7 * 24 - 4) * 60}m"}
    budgets = {name: inputs(stack(), NODE_POOL, name)["spec"]["disruption"]["budgets"] for name in ("plain", SYSTEM)}
    assert budgets == {
        "plain": [{**closed, "reasons": ["Drifted"]}, {"nodes": "10%"}],
        SYSTEM: [{**closed, "reasons": ["Drifted", "Underutilized"]}, {"nodes": "10%"}],
    }
    assert inputs(stack(), "aws:rds/instance:Instance", "tracking")["maintenanceWindow"] == "sun:02:00-sun:06:00"


def test_what_names_no_pool_runs_on_declared_nodes_with_their_own_key_and_tags() -> None:
    recorder = stack(**{"foundation.aws.systemPool": {"instanceTypes": ["m7i.2xlarge"], "max": 3}})
    nodes, spec = inputs(recorder, NODE_CLASS, SYSTEM)["spec"], inputs(recorder, NODE_POOL, SYSTEM)["spec"]
    assert nodes["ephemeralStorage"]["kmsKeyID"].endswith("key/key-id")
    assert nodes["tags"]["ml-platform.io/stack"] == "test"
    assert (spec["limits"], "taints" in spec["template"]["spec"]) == ({"cpu": "24"}, False)
    assert requirements(recorder, SYSTEM)["node.kubernetes.io/instance-type"] == ["m7i.2xlarge"]
    assert inputs(recorder, "aws:eks/cluster:Cluster", "cluster")["computeConfig"] == {"enabled": True, "nodePools": []}
    assert inputs(recorder, "aws:eks/accessEntry:AccessEntry", "nodes")["type"] == "EC2"
    policy = inputs(recorder, "aws:eks/accessPolicyAssociation:AccessPolicyAssociation", "nodes")["policyArn"]
    assert policy == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAutoNodePolicy"


def test_several_kinds_of_capacity_are_tried_together() -> None:
    recorder = stack(**{"nodePools.a10g.aws.capacity": ["spot", "onDemand"]})
    assert requirements(recorder, "a10g")["karpenter.sh/capacity-type"] == ["spot", "on-demand"]


def test_a_reservation_is_named_to_the_nodes() -> None:
    reserved = {"capacity": ["reserved"], "reservation": "cr-0123456789abcdef0", "zones": ["eu-central-1a"]}
    recorder = stack(**{f"nodePools.a10g.aws.{key}": value for key, value in reserved.items()})
    assert requirements(recorder, "a10g")["karpenter.sh/capacity-type"] == ["reserved"]
    terms = inputs(recorder, NODE_CLASS, "a10g")["spec"]["capacityReservationSelectorTerms"]
    assert terms == [{"id": "cr-0123456789abcdef0"}]


def test_machines_that_work_together_are_a_group_of_fixed_size() -> None:
    recorder = stack()
    group = inputs(recorder, NODE_GROUP, "h100")
    assert group["scalingConfig"] == {"minSize": 2, "desiredSize": 2, "maxSize": 2}
    assert group["amiType"] == "AL2023_x86_64_NVIDIA"
    assert group["capacityType"] == "ON_DEMAND"
    assert group["subnetIds"] == ["private-eu-central-1b-id"]
    assert group["taints"] == [
        {"key": POOL, "value": "h100", "effect": "NO_SCHEDULE"},
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"},
    ]
    assert created(recorder, NODE_POOL) == ["a10g", SYSTEM, "plain"]


def test_gpus_of_a_group_of_fixed_size_are_told_to_the_kubelet() -> None:
    recorder = stack()
    assert created(recorder, DAEMON_SET) == ["nvidia-device-plugin-h100"]
    pod = inputs(recorder, DAEMON_SET, "nvidia-device-plugin-h100")["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"ml-platform.io/pool": "h100"}
    assert [each["key"] for each in pod["tolerations"]] == [POOL, "nvidia.com/gpu"]
    (container,) = pod["containers"]
    assert container["image"].endswith("/nvidia-device-plugin@sha256:nvidia-device-plugin")


def test_nodes_that_eks_buys_bring_their_own_device_plugin() -> None:
    recorder = stack(**{"nodePools.h100": GONE})
    assert created(recorder, DAEMON_SET) == []
    assert "nvidia-device-plugin" not in created(recorder, "docker:index/image:Image")


def test_every_network_card_carries_efa() -> None:
    template = inputs(stack(), TEMPLATE, "h100")
    interfaces = template["networkInterfaces"]
    assert [each["networkCardIndex"] for each in interfaces] == list(range(32))
    assert [each["interfaceType"] for each in interfaces[:2]] == ["efa", "efa-only"]
    assert [each["deviceIndex"] for each in interfaces[:3]] == [0, 1, 1]
    assert "vpcSecurityGroupIds" not in template
    target = template["capacityReservationSpecification"]["capacityReservationTarget"]
    assert target == {"capacityReservationId": "cr-0123456789abcdef0"}


def test_a_capacity_block_is_launched_from_its_template() -> None:
    recorder = stack(**{"nodePools.h100.aws.capacity": ["capacityBlock"]})
    assert inputs(recorder, NODE_GROUP, "h100")["capacityType"] == "CAPACITY_BLOCK"
    assert "instanceTypes" not in inputs(recorder, NODE_GROUP, "h100")
    template = inputs(recorder, TEMPLATE, "h100")
    assert template["instanceType"] == "p5.48xlarge"
    assert template["instanceMarketOptions"] == {"marketType": "capacity-block"}


def test_a_nodes_identity_is_out_of_its_pods_reach() -> None:
    options = inputs(stack(), TEMPLATE, "h100")["metadataOptions"]
    assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)


def test_without_pools_of_fixed_size_eks_looks_after_all_nodes() -> None:
    recorder = stack(**{"nodePools.h100": GONE})
    assert created(recorder, "aws:eks/addon:Addon") == []
    assert "managed-node" not in created(recorder, "aws:iam/role:Role")


def test_policies_between_pods_hold_on_nodes_of_both_kinds() -> None:
    recorder = stack()
    values = inputs(recorder, "aws:eks/addon:Addon", "vpc-cni")["configurationValues"]
    assert json.loads(values) == {"enableNetworkPolicy": "true"}
    bought = [inputs(recorder, NODE_CLASS, name)["spec"] for name in created(recorder, NODE_CLASS)]
    assert [spec["networkPolicy"] for spec in bought] == ["DefaultAllow"] * 3
    (switch,) = [each for each in recorder.resources if each.name == "amazon-vpc-cni"]
    assert switch.inputs["data"] == {"enable-network-policy-controller": "true"}
    assert switch.type.endswith(":ConfigMapPatch"), "whichever comes second finds the other's object there"


def test_an_endpoint_finds_its_nodes() -> None:
    resources = {"cpu": 4, "memory": "16Gi"}
    changes = {"serving.digits.pool": "a10g", "serving.digits.gpus": 1, "serving.digits.resources": resources}
    pod = pods(stack(**changes))["Deployment digits"]
    assert pod["spec"]["nodeSelector"] == {"ml-platform.io/pool": "a10g"}
    assert [each["key"] for each in pod["spec"]["tolerations"]] == [POOL, "nvidia.com/gpu"]
    assert pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["spec"]["priorityClassName"] == "ml-platform-serving"


def test_a_job_finds_its_nodes() -> None:
    resources = {"cpu": 4, "memory": "16Gi"}
    job = {"team": "vision", "image": "training", "model": "digits", "pool": "a10g", "gpus": 1, "resources": resources}
    pod = pods(stack(**{"training.gpu": job}))["Job gpu"]
    assert pod["spec"]["nodeSelector"] == {"ml-platform.io/pool": "a10g"}
    assert [each["key"] for each in pod["spec"]["tolerations"]] == [POOL, "nvidia.com/gpu"]
    assert "ml-platform.io/simulated" not in pod["metadata"]["labels"]


L4 = {
    "instance": {"cpu": 7, "memory": "28Gi"},
    "gpu": {"model": "NVIDIA-L4"},
    "aws": {"instanceTypes": ["g6.2xlarge"]},
}
INSERTED: list[tuple[str, dict[str, Any]]] = [
    ("nodePools.b", L4),
    ("teams.tabular", {}),
    ("images.other", {"context": "images/serving"}),
]


@pytest.mark.parametrize(("path", "entry"), INSERTED)
def test_an_inserted_entry_leaves_its_neighbours_alone(path: str, entry: dict[str, Any]) -> None:
    section, _, name = path.partition(".")
    before = on_aws()
    (first, *rest) = before[section].items()
    after = before | {section: dict([first, (name, entry), *rest])}
    kept = {(each.type, each.name): each.inputs for each in platform(after).resources}
    old = platform(before).resources
    assert len(kept) > len(old)
    for each in old:
        assert kept[each.type, each.name] == each.inputs, each.name
