"""Every kind of mistake in what is declared of AWS, and the one line that it costs."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from pathlib import Path

import pytest

from infra.catalogue.aws.instance_types import instance_types, regions
from infra.catalogue.versions import EKS_VERSIONS
from infra.declaration import declare
from tests.unit.declaration.samples import GONE, on_aws, refusal

AWS = "foundation.aws"
ROLE = "arn:aws:iam::123456789012:role/team"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
NOT_FOR_SERVICES = "is none that EKS takes; write /12 to /24 inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
GPUS = {"model": "NVIDIA-A10G", "count": 1}

MISTAKES = [
    # The place
    ("foundation.local", {}, "foundation: two foundations are declared; declare 'local' or 'aws', not both"),
    (f"{AWS}.account", "1234", f"{AWS}.account: '1234' is no account; write its twelve digits in quotes"),
    (f"{AWS}.account", 123456789012, f"{AWS}.account: expected text, got 123456789012; put it in quotes"),
    (f"{AWS}.costCentre", GONE, f"{AWS}: missing setting 'costCentre'"),
    (f"{AWS}.region", "eu-central-9", f"{AWS}.region: 'eu-central-9' is no region of AWS; did you mean 'eu-central-2'?"),
    (f"{AWS}.logDays", 91, f"{AWS}.logDays: 91 is not known; write 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653"),
    (f"{AWS}.ci.repository", "ml-platform", f"{AWS}.ci.repository: 'ml-platform' is no repository; write owner/name, or owner@id/name@id"),
    (f"{AWS}.ci.repository", "example@1/ml-platform", f"{AWS}.ci.repository: 'example@1/ml-platform' is no repository; write owner/name, or owner@id/name@id"),
    (f"{AWS}.ci.provider", "github", f"{AWS}.ci.provider: 'github' is no identity provider for GitHub; write {PROVIDER}"),
    (f"{AWS}.ci.provider", PROVIDER.replace("123456789012", "999999999999"), f"{AWS}.ci.provider: arn:aws:iam::999999999999:oidc-provider/token.actions.githubusercontent.com is not in account 123456789012; write {PROVIDER}"),
    (f"{AWS}.ci.stateBucket", "s3://state", f"{AWS}.ci.stateBucket: 's3://state' is no name of a bucket; write the name alone, such as example-ml-platform-state"),
    (f"{AWS}.registry.baseImage", "python:3.12", f"{AWS}.registry.baseImage: 'python:3.12' does not begin with a mirror; write one of ecr-public before it"),
    (f"{AWS}.managedPrometheus", {}, f"{AWS}.managedPrometheus: nothing collects metrics for it; declare 'monitoring' too"),
    # Networks
    (f"{AWS}.network.cidr", "10.20.0.0/24", f"{AWS}.network.cidr: 10.20.0.0/24 is too small for nodes and pods in each zone; write /16 to /20"),
    (f"{AWS}.network.cidr", "10.0.0.0/12", f"{AWS}.network.cidr: 10.0.0.0/12 is larger than a VPC may be; write /16 to /20"),
    (f"{AWS}.network.cidr", "10.20.0.1/16", f"{AWS}.network.cidr: '10.20.0.1/16' is no network (10.20.0.1/16 has host bits set); write one such as 10.20.0.0/16"),
    (f"{AWS}.network.cidr", "3.0.0.0/16", f"{AWS}.network.cidr: 3.0.0.0/16 is part of the internet; write one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"),
    (f"{AWS}.network.peers", ["10.20.128.0/20"], f"{AWS}.network.peers.0: 10.20.128.0/20 overlaps with network.cidr (10.20.0.0/16); renumber one of them"),
    (f"{AWS}.network.peers", ["172.20.8.0/24"], f"{AWS}.network.peers.0: 172.20.8.0/24 overlaps with cluster.serviceCidr (172.20.0.0/16); write another serviceCidr"),
    (f"{AWS}.cluster.serviceCidr", "10.20.8.0/24", f"{AWS}.cluster.serviceCidr: 10.20.8.0/24 overlaps with network.cidr (10.20.0.0/16); write another network"),
    (f"{AWS}.network.zones", ["eu-central-1a", "eu-central-1b", "eu-central-1d"], f"{AWS}.network.zones.2: region 'eu-central-1' has no zone 'eu-central-1d'; write some of eu-central-1a, eu-central-1b, eu-central-1c"),
    (f"{AWS}.network.zones", ["eu-central-1a"], f"{AWS}.network.zones: has 1 entries; write at least 2"),
    (f"{AWS}.network.nat", "perzone", f"{AWS}.network.nat: 'perzone' is not known; write 'perZone' or 'single'"),
    (f"{AWS}.cluster.serviceCidr", "172.20.0.0/30", f"{AWS}.cluster.serviceCidr: 172.20.0.0/30 {NOT_FOR_SERVICES}"),
    (f"{AWS}.cluster.serviceCidr", "172.16.0.0/11", f"{AWS}.cluster.serviceCidr: '172.16.0.0/11' is no network (172.16.0.0/11 has host bits set); write one such as 172.0.0.0/11"),
    (f"{AWS}.cluster.serviceCidr", "100.64.0.0/16", f"{AWS}.cluster.serviceCidr: 100.64.0.0/16 {NOT_FOR_SERVICES}"),
    (f"{AWS}.cluster.serviceCidr", "8.8.0.0/16", f"{AWS}.cluster.serviceCidr: 8.8.0.0/16 {NOT_FOR_SERVICES}"),
    # Mirrors
    (f"{AWS}.registry.mirrors", {"hub": "registry-1.docker.io"}, f"{AWS}.registry.mirrors.hub: 'registry-1.docker.io' is not known; write 'public.ecr.aws', 'quay.io' or 'registry.k8s.io'"),
    (f"{AWS}.registry.mirrors", {"Hub": "quay.io"}, f"{AWS}.registry.mirrors.Hub: 'Hub' is no prefix of a mirror; write one such as ecr-public"),
    # The cluster
    (f"{AWS}.cluster.version", "1.27", f"{AWS}.cluster.version: EKS does not offer Kubernetes '1.27'; write one of {', '.join(EKS_VERSIONS)}"),
    (f"{AWS}.cluster.version", 1.34, f"{AWS}.cluster.version: expected text, got 1.34; put it in quotes"),
    (f"{AWS}.cluster.publicCidrs", ["0.0.0.0/0"], f"{AWS}.cluster.publicCidrs.0: 0.0.0.0/0 is the whole internet; write the networks that you come from, or none to go through the VPC"),
    (f"{AWS}.cluster.admins", [], f"{AWS}.cluster.admins: has 0 entries; write at least 1"),
    (f"{AWS}.cluster.admins", ["arn:aws:iam::999999999999:role/a"], f"{AWS}.cluster.admins.0: arn:aws:iam::999999999999:role/a is not a role of account 123456789012; write one that is"),
    # Groups
    (f"{AWS}.cluster.groups", {"system:masters": ROLE}, f"{AWS}.cluster.groups.system:masters: 'system:masters' is a group of Kubernetes itself; write one of your own"),
    (f"{AWS}.cluster.groups", {"eks:a": ROLE}, f"{AWS}.cluster.groups.eks:a: 'eks:a' begins like a group of EKS itself; write another name"),
    (f"{AWS}.cluster.groups", {"a": "leads"}, f"{AWS}.cluster.groups.a: 'leads' is no role; write its ARN, such as arn:aws:iam::123456789012:role/platform-admin"),
    (f"{AWS}.cluster.groups", {"a": "arn:aws:iam::999999999999:role/a"}, f"{AWS}.cluster.groups.a: arn:aws:iam::999999999999:role/a is not a role of account 123456789012; write one that is"),
    (f"{AWS}.cluster.groups", {"a": "arn:aws:iam::123456789012:role/platform-admin"}, f"{AWS}.cluster.groups.a: arn:aws:iam::123456789012:role/platform-admin administers the whole cluster already (cluster.admins); write a role of the group's own"),
    ("teams.vision.groups", {"viewer": ["guests"]}, "teams.vision.groups.viewer.0: 'guests' is mapped to no role of IAM; add it to platform.foundation.aws.cluster.groups"),
    # Machines
    ("nodePools.plain.instance.types", GONE, "nodePools.plain.instance: missing setting 'types'; write EC2 instance types such as [g5.2xlarge]"),
    ("nodePools.plain.instance.types", ["m7i.2xlrge"], "nodePools.plain.instance.types.0: 'm7i.2xlrge' is no EC2 instance type; did you mean 'm7i.2xlarge'?"),
    ("nodePools.plain.instance.types", ["m7g.2xlarge"], "nodePools.plain.instance.types.0: m7g.2xlarge is an arm64 machine and images are built for amd64; write another type"),
    ("nodePools.a10g.instance.types", ["p3.2xlarge"], "nodePools.a10g.instance.types.0: nothing but its name is known of p3.2xlarge, neither CPU nor GPUs; write a current type"),
    ("nodePools.plain.labels", {"karpenter.sh/mine": "1"}, "nodePools.plain.labels.karpenter.sh/mine: 'karpenter.sh' belongs to the cluster; write a domain of your own, or none"),
    ("nodePools.plain.labels", {"node.kubernetes.io/mine": "1"}, "nodePools.plain.labels.node.kubernetes.io/mine: 'node.kubernetes.io' belongs to the cluster; write a domain of your own, or none"),
    ("nodePools.general-purpose", {"instance": {"types": ["m7i.2xlarge"], "cpu": 4, "memory": "8Gi"}}, "nodePools.general-purpose: 'general-purpose' is a pool of EKS itself; write another name"),
    ("nodePools.plain.instance.cpu", 8, "nodePools.plain.instance.types.0: m7i.2xlarge leaves 7500m CPU to pods, less than instance.cpu (8); write less"),
    ("nodePools.plain.instance.memory", "32Gi", "nodePools.plain.instance.types.0: m7i.2xlarge leaves 29491Mi to pods, less than instance.memory (32Gi); write less"),
    ("nodePools.plain.gpu", GPUS, "nodePools.plain.instance.types.0: m7i.2xlarge has no GPU; write a type with NVIDIA-A10G, or leave 'gpu' out"),
    ("nodePools.a10g.gpu", GONE, "nodePools.a10g.instance.types.0: g5.2xlarge has GPUs (1 x A10G); declare them with 'gpu' or write a type without"),
    ("nodePools.a10g.gpu.count", 4, "nodePools.a10g.instance.types.0: g5.2xlarge has 1 x A10G, not 4 x NVIDIA-A10G; write what it has"),
    ("nodePools.a10g.gpu.model", "NVIDIA-L4", "nodePools.a10g.instance.types.0: g5.2xlarge has 1 x A10G, not 1 x NVIDIA-L4; write what it has"),
    # Capacity
    ("nodePools.a10g.capacity", ["sport"], "nodePools.a10g.capacity.0: 'sport' is not known; write 'onDemand', 'spot', 'reserved' or 'capacityBlock'"),
    ("nodePools.h100.capacity", ["spot", "capacityBlock"], "nodePools.h100.capacity: spot and capacityBlock exclude each other: a block is paid in advance; write one"),
    ("nodePools.h100.reservation", GONE, "nodePools.h100.reservation: missing for reserved; write its id, such as cr-0123456789abcdef0"),
    ("nodePools.a10g.reservation", "cr-0123456789abcdef0", "nodePools.a10g.reservation: is never used; write capacity: [reserved], or leave it out"),
    ("nodePools.h100.reservation", "r-1", "nodePools.h100.reservation: 'r-1' is no capacity reservation; write its id, such as cr-0123456789abcdef0"),
    ("nodePools.plain.zones", ["eu-central-1d"], "nodePools.plain.zones.0: 'eu-central-1d' is not a zone of the network; write some of eu-central-1a, eu-central-1b, eu-central-1c"),
    # Sizes
    ("nodePools.h100.max", 1, "nodePools.h100.max: 1 is below min (2); write at least 2"),
    ("nodePools.plain.min", 1, "nodePools.plain.min: nodes come with the jobs; write min: 0, or managed: true with min: 4"),
    ("nodePools.h100.min", 1, "nodePools.h100.min: a managed pool has a fixed size; write min: 2, or leave 'managed' out"),
    ("nodePools.plain.expiry", "505h", "nodePools.plain.expiry: EKS keeps no node longer than 21 days; write at most 504h"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "line"), MISTAKES, ids=[f"{path}={value}"[:60] for path, value, _ in MISTAKES]
)
def test_a_mistake_costs_one_line(root: Path, path: str, value: object, line: str) -> None:
    assert refusal(root, on_aws(**{path: value})) == [f"Pulumi.dev.yaml: platform.{line}"]


def test_a_capacity_block_is_a_group_of_its_own(root: Path) -> None:
    assert refusal(root, on_aws(**{"nodePools.h100.capacity": ["capacityBlock"], "nodePools.h100.managed": False})) == [
        "Pulumi.dev.yaml: platform.nodePools.h100.managed: a capacity block has a fixed size; write managed: true",
        "Pulumi.dev.yaml: platform.nodePools.h100.min: nodes come with the jobs; write min: 0, or managed: true with min: 2",
        "Pulumi.dev.yaml: platform.nodePools.h100.efa: only managed pools have it; write managed: true",
    ]


def test_efa_is_for_managed_pools(root: Path) -> None:
    pool = "Pulumi.dev.yaml: platform.nodePools.plain"
    assert refusal(root, on_aws(**{"nodePools.plain.efa": True})) == [
        f"{pool}.efa: only managed pools have it; write managed: true",
        f"{pool}.zones: EFA works inside one zone; write one",
        f"{pool}.instance.types.0: m7i.2xlarge has no EFA; write a type that has, or efa: false",
    ]


def test_efa_needs_a_machine_that_has_it_and_one_zone(root: Path) -> None:
    small_machine = {"types": ["g4dn.xlarge"], "cpu": 2, "memory": "8Gi"}
    gpu = {"model": "Tesla-T4", "count": 1}
    changes = {"nodePools.h100.instance": small_machine, "nodePools.h100.gpu": gpu, "nodePools.h100.zones": []}
    assert refusal(root, on_aws(**changes)) == [
        "Pulumi.dev.yaml: platform.nodePools.h100.zones: a reservation lies in one zone; write that one",
        "Pulumi.dev.yaml: platform.nodePools.h100.zones: EFA works inside one zone; write one",
        "Pulumi.dev.yaml: platform.nodePools.h100.instance.types.0: g4dn.xlarge has no EFA; write a type that has, or efa: false",
    ]


def test_a_topic_of_sns_is_known_in_aws(root: Path) -> None:
    receivers = {"on-call": {"sns": {"topic": "alerts"}}, "vision": {"sns": {"topic": "alerts"}}}
    platform = declare(on_aws(monitoring={"receivers": receivers}), "Pulumi.dev.yaml", root)
    assert platform.monitoring is not None
    assert platform.monitoring.topics() == {"alerts"}


def test_a_valid_declaration_is_valid(root: Path) -> None:
    platform = declare(on_aws(), "Pulumi.dev.yaml", root)
    assert platform.foundation.aws is not None
    assert platform.foundation.local is None
    assert not platform.foundation.simulates_pools


def test_the_catalogue_knows_what_is_rented(root: Path) -> None:
    known = instance_types()
    assert (known["p5.48xlarge"].gpus, known["p5.48xlarge"].gpu, known["p5.48xlarge"].efa) == (8, "H100", 32)
    assert (known["m7i.2xlarge"].cpu, known["m7i.2xlarge"].memory, known["m7i.2xlarge"].gpus) == (8, 32768, 0)
    assert not known["p3.2xlarge"].known
    assert regions()["us-east-1"] == "abcdef"
