"""Declared pools as Karpenter's objects."""

from __future__ import annotations

from typing import Any

import pytest

from infra.catalogue.node_agents import GPU_EXPORTER, LOG_COLLECTOR, NODE_EXPORTER
from infra.declaration.aws.pools import Ec2Pool
from infra.declaration.loader import declare
from infra.declaration.types import cpu_millis, memory_bytes
from infra.foundation.aws.node_pools import efa_interfaces, efa_share
from tests.unit.components.recorder import Recorder, created, inputs, platform, pods
from tests.unit.components.test_pods import env
from tests.unit.declaration.samples import REPOSITORY, on_aws

POOL, SYSTEM = "ml-platform.io/pool", "ml-platform-system"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
NODE_CLASS = "kubernetes:eks.amazonaws.com/v1:NodeClass"
DAEMON_SET = "kubernetes:apps/v1:DaemonSet"


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


def test_a_pool_of_fixed_size_always_has_its_nodes() -> None:
    recorder = stack()
    spec = inputs(recorder, NODE_POOL, "h100.fixed")["spec"]
    assert (spec["replicas"], spec["limits"]) == (2, {"nodes": "2"}), "the reservation has no room for a third"
    assert requirements(recorder, "h100.fixed")["topology.kubernetes.io/zone"] == ["eu-central-1b"]
    assert spec["template"]["metadata"]["labels"][POOL] == "h100"
    assert [taint["key"] for taint in spec["template"]["spec"]["taints"]] == [POOL, "nvidia.com/gpu"]
    assert spec["template"]["spec"]["nodeClassRef"]["name"] == "h100.fixed"
    assert created(recorder, NODE_POOL) == ["a10g", "h100.fixed", SYSTEM, "plain"]


def test_without_a_reservation_an_outdated_node_is_replaced_by_a_further_one() -> None:
    recorder = stack(**{"nodePools.plain.aws.fixedSize": True, "nodePools.plain.min": 4})
    spec = inputs(recorder, NODE_POOL, "plain.fixed")["spec"]
    assert (spec["replicas"], spec["limits"]) == (4, {"nodes": "5"})


def test_a_pool_that_gets_a_fixed_size_is_another_object() -> None:
    """Karpenter refuses to change one into the other."""
    assert "plain" in created(stack(), NODE_POOL)
    assert "plain" not in created(stack(**{"nodePools.plain.aws.fixedSize": True, "nodePools.plain.min": 4}), NODE_POOL)


@pytest.mark.parametrize("capacity", ["reserved", "capacityBlock"])
@pytest.mark.parametrize("fixed_size", [True, False])
def test_reservations_and_blocks_are_used_by_pools_of_both_kinds(capacity: str, fixed_size: bool) -> None:
    """A pool that scales has no nodes before the block begins, and none for nothing."""
    changes = {"capacity": [capacity], "fixedSize": fixed_size, "efa": False}
    sizes = {"nodePools.h100.min": 2 if fixed_size else 0}
    recorder = stack(**{f"nodePools.h100.aws.{key}": value for key, value in changes.items()}, **sizes)
    name = "h100.fixed" if fixed_size else "h100"
    assert requirements(recorder, name)["karpenter.sh/capacity-type"] == ["reserved"]
    terms = inputs(recorder, NODE_CLASS, name)["spec"]["capacityReservationSelectorTerms"]
    assert terms == [{"id": "cr-0123456789abcdef0"}]


def test_eks_looks_after_all_nodes() -> None:
    """No node groups, and so neither add-ons nor a device plugin of our own."""
    recorder = stack()
    assert {type_ for type_ in {each.type for each in recorder.resources} if type_.startswith("aws:eks/")} == {
        f"aws:eks/{kind}"
        for kind in (
            "accessEntry:AccessEntry",
            "accessPolicyAssociation:AccessPolicyAssociation",
            "cluster:Cluster",
            "podIdentityAssociation:PodIdentityAssociation",
        )
    }
    assert created(recorder, DAEMON_SET) == []
    assert "nvidia-device-plugin" not in created(recorder, "docker:index/image:Image")


def test_every_network_card_has_efa_and_the_first_one_carries_ip_traffic() -> None:
    spec = inputs(stack(), NODE_CLASS, "h100.fixed")["spec"]
    assert spec["placementGroupSelector"] == {"name": "training"}
    first, *efa = spec["advancedNetworking"]["networkInterfaces"]
    assert first == {
        "networkCardIndex": 0,
        "deviceIndex": 0,
        "interfaceType": "interface",
        "secondaryIPv4PrefixCount": 1,
    }
    assert {each["interfaceType"] for each in efa} == {"efa-only"}
    assert [(each["networkCardIndex"], each["deviceIndex"]) for each in efa] == [
        (0, 1),
        *((card, 0) for card in range(1, 32)),
    ]


def test_a_first_network_card_without_efa_has_none() -> None:
    """P6-B300: 17 cards, and EFA on all but the first."""
    pool = Ec2Pool.model_validate({"instanceTypes": ["p6-b300.48xlarge"], "efa": True, "fixedSize": True})
    _, *efa = efa_interfaces(pool)
    assert [(each["networkCardIndex"], each["deviceIndex"]) for each in efa] == [(card, 0) for card in range(1, 17)]


@pytest.mark.parametrize(("gpus", "interfaces"), [(8, 32), (2, 8), (1, 4)])
def test_a_pod_gets_its_share_of_efa_with_its_gpus(gpus: int, interfaces: int) -> None:
    job = {"team": "vision", "image": "training", "model": "digits", "pool": "h100", "gpus": gpus}
    (container,) = pods(stack(**{"training.large": job}))["Job large"]["spec"]["containers"]
    for kind in ("requests", "limits"):
        found = container["resources"][kind]
        assert found["vpc.amazonaws.com/efa"] == str(interfaces)
        assert found["hugepages-2Mi"] == f"{640 * gpus}Mi"


def test_too_few_gpus_for_an_interface_get_none() -> None:
    """P4d: 4 interfaces for 8 GPUs."""
    changes = {
        "nodePools.h100.instance": {"cpu": 90, "memory": "900Gi"},
        "nodePools.h100.gpu.model": "NVIDIA-A100-SXM4-40GB",
        "nodePools.h100.aws.instanceTypes": ["p4d.24xlarge"],
    }
    settings = declare(on_aws(**changes), "Pulumi.dev.yaml", REPOSITORY).node_pools["h100"]
    assert efa_share(settings, 1) == {}
    assert efa_share(settings, 3)["vpc.amazonaws.com/efa"] == "1"


def test_without_efa_a_pod_gets_only_its_gpus() -> None:
    job = {"team": "vision", "image": "training", "model": "digits", "pool": "a10g", "gpus": 1}
    (container,) = pods(stack(**{"training.small": job}))["Job small"]["spec"]["containers"]
    assert not {"vpc.amazonaws.com/efa", "hugepages-2Mi"} & set(container["resources"]["limits"])


def test_agents_of_a_node_take_what_the_declared_size_leaves_them() -> None:
    """The check of a pool's size counts every DaemonSet: a new one belongs in infra/catalogue/node_agents.py."""
    recorder = stack(monitoring={"logs": {}}, **{"nodePools.plain.instance.memory": "27Gi"})
    agents: dict[str, list[tuple[int, int]]] = {"plain": [], "a10g": []}
    for name in created(recorder, DAEMON_SET):
        spec = inputs(recorder, DAEMON_SET, name)["spec"]["template"]["spec"]
        requests = [each["resources"]["requests"] for each in spec["containers"]]
        taken = (
            sum(cpu_millis(each["cpu"]) for each in requests),
            sum(memory_bytes(each["memory"]) for each in requests) // 2**20,
        )
        for pool, found in agents.items():
            if spec.get("nodeSelector", {}).get(POOL, pool) == pool:
                found.append(taken)
    counted = {"plain": [NODE_EXPORTER, LOG_COLLECTOR], "a10g": [NODE_EXPORTER, LOG_COLLECTOR, GPU_EXPORTER]}
    for pool, expected in counted.items():
        sizes = [(cpu_millis(each["cpu"]), memory_bytes(each["memory"]) // 2**20) for each in expected]
        assert sorted(agents[pool]) == sorted(sizes), pool


def test_policies_between_pods_are_enforced() -> None:
    recorder = stack()
    classes = [inputs(recorder, NODE_CLASS, name)["spec"] for name in created(recorder, NODE_CLASS)]
    assert [spec["networkPolicy"] for spec in classes] == ["DefaultAllow"] * 4
    (switch,) = [each for each in recorder.resources if each.name == "amazon-vpc-cni"]
    assert switch.inputs["data"] == {"enable-network-policy-controller": "true"}
    assert switch.type.endswith(":ConfigMapPatch"), "EKS may have made the object"


def test_an_endpoint_finds_its_nodes_and_knows_of_its_gpus() -> None:
    resources = {"cpu": 4, "memory": "16Gi"}
    changes = {"serving.digits.pool": "a10g", "serving.digits.gpus": 1, "serving.digits.resources": resources}
    pod = pods(stack(**changes))["Deployment digits"]
    assert pod["spec"]["nodeSelector"] == {"ml-platform.io/pool": "a10g"}
    assert [each["key"] for each in pod["spec"]["tolerations"]] == [POOL, "nvidia.com/gpu"]
    assert pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["spec"]["priorityClassName"] == "ml-platform-serving"
    assert env(pod)["GPUS"] == "1"
    assert "GPUS" not in env(pods(stack())["Deployment digits"])


def test_a_job_finds_its_nodes() -> None:
    resources = {"cpu": 4, "memory": "16Gi"}
    job = {"team": "vision", "image": "training", "model": "digits", "pool": "a10g", "gpus": 1, "resources": resources}
    pod = pods(stack(**{"training.gpu": job}))["Job gpu"]
    assert pod["spec"]["nodeSelector"] == {"ml-platform.io/pool": "a10g"}
    assert [each["key"] for each in pod["spec"]["tolerations"]] == [POOL, "nvidia.com/gpu"]
    assert "ml-platform.io/simulated" not in pod["metadata"]["labels"]


L4 = {
    "instance": {"cpu": 7, "memory": "27Gi"},
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
