"""Each kind of mistake in AWS settings, and its message."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.catalogue.aws.instance_types import instance_types, regions
from infra.declaration.aws.allocatable import allocatable_cpu, allocatable_memory
from infra.declaration.loader import declare
from tests.unit.declaration.samples import GONE, on_aws, refusal

AWS = "foundation.aws"
ROLE = "arn:aws:iam::123456789012:role/team"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
NOT_FOR_SERVICES = (
    "is not supported by EKS; write a network of /12 to /24 inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
)
TIMES = "write one such as 2026-11-27T10:40:00Z, in UTC, or latest"
ELSEWHERE = "arn:aws:rds:eu-west-1:123456789012:snapshot:before-upgrade"
GPUS = {"model": "NVIDIA-A10G", "count": 1}

MISTAKES = [
    # The foundation
    ("foundation.local", {}, "foundation: 2 foundations are declared, 'local' and 'aws'; declare one of them"),
    (f"{AWS}.account", "1234", f"{AWS}.account: '1234' is not an account id; write its twelve digits in quotes"),
    (f"{AWS}.account", 123456789012, f"{AWS}.account: expected text, got 123456789012; put it in quotes"),
    (f"{AWS}.costCentre", GONE, f"{AWS}: missing setting 'costCentre'"),
    (f"{AWS}.region", "eu-central-9", f"{AWS}.region: 'eu-central-9' is not an AWS region; did you mean 'eu-central-2'?"),
    (f"{AWS}.logDays", 91, f"{AWS}.logDays: 91 is not supported; write 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653"),
    (f"{AWS}.ci.repository", "ml-platform", f"{AWS}.ci.repository: 'ml-platform' is not a repository; write owner/name, or owner@id/name@id"),
    (f"{AWS}.ci.repository", "example@1/ml-platform", f"{AWS}.ci.repository: 'example@1/ml-platform' is not a repository; write owner/name, or owner@id/name@id"),
    (f"{AWS}.ci.provider", "github", f"{AWS}.ci.provider: 'github' is not the ARN of an OIDC provider for GitHub; write {PROVIDER}"),
    (f"{AWS}.ci.provider", PROVIDER.replace("123456789012", "999999999999"), f"{AWS}.ci.provider: arn:aws:iam::999999999999:oidc-provider/token.actions.githubusercontent.com is not in account 123456789012; write {PROVIDER}"),
    (f"{AWS}.ci.stateBucket", "s3://state", f"{AWS}.ci.stateBucket: 's3://state' is not a bucket name; write the name alone, such as example-ml-platform-state"),
    (f"{AWS}.ci.stateKey", "alias/aws/s3", f"{AWS}.ci.stateKey: 'alias/aws/s3' is not the alias of a KMS key of the account's own; write one such as alias/ml-platform-state"),
    (f"{AWS}.ci.stateBucket", "state\n", f"{AWS}.ci.stateBucket: 'state\\n' is not a bucket name; write the name alone, such as example-ml-platform-state"),
    (f"{AWS}.registry.baseImage", "python:3.12", f"{AWS}.registry.baseImage: 'python:3.12' has no prefix of a mirror; write it with one of ecr-public/"),
    (f"{AWS}.managedPrometheus", {}, f"{AWS}.managedPrometheus: no metrics are written to it without 'monitoring'; declare 'monitoring' too"),
    # Networks
    (f"{AWS}.network.cidr", "10.20.0.0/24", f"{AWS}.network.cidr: 10.20.0.0/24 is too small for nodes and pods in each zone; write /16 to /20"),
    (f"{AWS}.network.cidr", "10.0.0.0/12", f"{AWS}.network.cidr: 10.0.0.0/12 is larger than the maximum of a VPC; write /16 to /20"),
    (f"{AWS}.network.cidr", "10.20.0.1/16", f"{AWS}.network.cidr: '10.20.0.1/16' is not a CIDR (10.20.0.1/16 has host bits set); write one such as 10.20.0.0/16"),
    (f"{AWS}.network.cidr", "3.0.0.0/16", f"{AWS}.network.cidr: 3.0.0.0/16 is public; write a network inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"),
    (f"{AWS}.network.peers", ["10.20.128.0/20"], f"{AWS}.network.peers.0: 10.20.128.0/20 overlaps with network.cidr (10.20.0.0/16); change one of them"),
    (f"{AWS}.network.peers", ["172.20.8.0/24"], f"{AWS}.network.peers.0: 172.20.8.0/24 overlaps with cluster.serviceCidr (172.20.0.0/16); write another serviceCidr"),
    (f"{AWS}.cluster.serviceCidr", "10.20.8.0/24", f"{AWS}.cluster.serviceCidr: 10.20.8.0/24 overlaps with network.cidr (10.20.0.0/16); write another network"),
    (f"{AWS}.network.zones", ["eu-central-1a", "eu-central-1b", "eu-central-1d"], f"{AWS}.network.zones.2: region 'eu-central-1' has no zone 'eu-central-1d'; write zones out of eu-central-1a, eu-central-1b, eu-central-1c"),
    (f"{AWS}.network.zones", ["eu-central-1a"], f"{AWS}.network.zones: has 1 entry; write at least 2"),
    (f"{AWS}.network.nat", "perzone", f"{AWS}.network.nat: 'perzone' is not supported; write 'perZone' or 'single'"),
    (f"{AWS}.cluster.serviceCidr", "172.20.0.0/30", f"{AWS}.cluster.serviceCidr: 172.20.0.0/30 {NOT_FOR_SERVICES}"),
    (f"{AWS}.cluster.serviceCidr", "172.16.0.0/11", f"{AWS}.cluster.serviceCidr: '172.16.0.0/11' is not a CIDR (172.16.0.0/11 has host bits set); write one such as 172.0.0.0/11"),
    (f"{AWS}.cluster.serviceCidr", "100.64.0.0/16", f"{AWS}.cluster.serviceCidr: 100.64.0.0/16 {NOT_FOR_SERVICES}"),
    (f"{AWS}.cluster.serviceCidr", "8.8.0.0/16", f"{AWS}.cluster.serviceCidr: 8.8.0.0/16 {NOT_FOR_SERVICES}"),
    # Mirrors
    (f"{AWS}.registry.mirrors", {"hub": "registry-1.docker.io"}, f"{AWS}.registry.mirrors.hub: 'registry-1.docker.io' is not supported; write 'public.ecr.aws', 'quay.io' or 'registry.k8s.io'"),
    (f"{AWS}.registry.mirrors", {"Hub": "quay.io"}, f"{AWS}.registry.mirrors.Hub: 'Hub' is not a repository prefix; write one such as ecr-public"),
    # The cluster
    (f"{AWS}.cluster.version", "1.27", f"{AWS}.cluster.version: EKS no longer offers Kubernetes 1.27; write 1.36"),
    (f"{AWS}.cluster.version", "1.36.2", f"{AWS}.cluster.version: '1.36.2' is not a minor version of Kubernetes; write one such as '1.36'"),
    (f"{AWS}.cluster.version", 1.34, f"{AWS}.cluster.version: expected text, got 1.34; put it in quotes"),
    (f"{AWS}.cluster.publicCidrs", ["0.0.0.0/0"], f"{AWS}.cluster.publicCidrs.0: 0.0.0.0/0 is the whole internet; write the networks of your team, or none for a private endpoint"),
    (f"{AWS}.cluster.publicCidrs", ["0.0.0.0/1", "128.0.0.0/1"], f"{AWS}.cluster.publicCidrs: together these are a large part of the internet; write the networks of your team, or none"),
    (f"{AWS}.systemPool", {"instanceTypes": ["g5.xlarge"]}, f"{AWS}.systemPool.instanceTypes.0: g5.xlarge has GPUs, which nothing there uses; write one such as m7i.xlarge"),
    (f"{AWS}.systemPool", {"instanceTypes": ["m7g.xlarge"]}, f"{AWS}.systemPool.instanceTypes.0: m7g.xlarge is not amd64, for which images are built; write one such as m7i.xlarge"),
    (f"{AWS}.maintenanceWindow", "sun:02:00-sun:02:30", f"{AWS}.maintenanceWindow: 'sun:02:00-sun:02:30' is shorter than an hour, or longer than half a week; write one such as sun:02:00-sun:06:00"),
    (f"{AWS}.maintenanceWindow", "sunday", f"{AWS}.maintenanceWindow: 'sunday' is not a maintenance window; write one such as sun:02:00-sun:06:00, in UTC"),
    (f"{AWS}.cluster.admins", [], f"{AWS}.cluster.admins: has 0 entries; write at least 1"),
    (f"{AWS}.cluster.admins", ["arn:aws:iam::999999999999:role/a"], f"{AWS}.cluster.admins.0: arn:aws:iam::999999999999:role/a is not in account 123456789012; write a role of that account"),
    # The database
    (f"{AWS}.database", {"name": "tracking-"}, f"{AWS}.database.name: 'tracking-' is not a name of an RDS instance; write at most 30 lower-case letters and digits, such as tracking-2"),
    (f"{AWS}.database", {"retained": ["tracking"]}, f"{AWS}.database.retained.0: 'tracking' is the present instance; write another database.name, or remove it here"),
    (f"{AWS}.database", {"name": "b", "retained": ["a", "a"]}, f"{AWS}.database.retained.1: 'a' is listed twice; write each instance once"),
    (f"{AWS}.database", {"restoreFrom": {}}, f"{AWS}.database.restoreFrom: needs exactly one of 'snapshot', 'instance' and 'automatedBackup'"),
    (f"{AWS}.database", {"restoreFrom": {"snapshot": "a", "instance": "b"}}, f"{AWS}.database.restoreFrom: needs exactly one of 'snapshot', 'instance' and 'automatedBackup'"),
    (f"{AWS}.database", {"restoreFrom": {"instance": "tracking"}}, f"{AWS}.database.restoreFrom: has no 'pointInTime'; {TIMES}"),
    (f"{AWS}.database", {"restoreFrom": {"snapshot": "a", "pointInTime": "latest"}}, f"{AWS}.database.restoreFrom: has a 'pointInTime', which a snapshot has not; remove it, or write 'instance'"),
    (f"{AWS}.database", {"restoreFrom": {"instance": "tracking", "pointInTime": "yesterday"}}, f"{AWS}.database.restoreFrom.pointInTime: 'yesterday' is not a point in time; {TIMES}"),
    (f"{AWS}.database", {"restoreFrom": {"instance": "tracking", "pointInTime": "2026-11-27T10:40:00+01:00"}}, f"{AWS}.database.restoreFrom.pointInTime: '2026-11-27T10:40:00+01:00' is not a point in time; {TIMES}"),
    (f"{AWS}.database", {"restoreFrom": {"instance": "tracking", "pointInTime": "2026-11-27T10:40:00"}}, f"{AWS}.database.restoreFrom.pointInTime: '2026-11-27T10:40:00' is not a point in time; {TIMES}"),
    (f"{AWS}.database", {"restoreFrom": {"instance": "tracking", "pointInTime": "latest"}}, f"{AWS}.database.restoreFrom.instance: 'tracking' can't be restored over itself; write another database.name, such as tracking-2"),
    (f"{AWS}.database", {"name": "tracking-2", "restoreFrom": {"instance": "tracking", "pointInTime": "latest"}}, f"{AWS}.database.restoreFrom.instance: 'tracking' is not in database.retained, so it would be deleted; add it, or remove restoreFrom if the restore is done"),
    (f"{AWS}.database", {"restoreFrom": {"snapshot": "a--b"}}, f"{AWS}.database.restoreFrom.snapshot: 'a--b' is not a DB snapshot; write its identifier, such as rds:ml-platform-prod-tracking-2026-11-27-03-10"),
    (f"{AWS}.database", {"restoreFrom": {"snapshot": ELSEWHERE}}, f"{AWS}.database.restoreFrom.snapshot: {ELSEWHERE} is in eu-west-1; write one of eu-central-1, or copy it there"),
    (f"{AWS}.backup", {"region": "eu-central-1"}, f"{AWS}.backup.region: eu-central-1 is the stack's own region; write another one"),
    (f"{AWS}.backup", {"region": "eu-wst-1"}, f"{AWS}.backup.region: 'eu-wst-1' is not an AWS region; did you mean 'eu-west-1'?"),
    (f"{AWS}.backup", {"region": "cn-north-1"}, f"{AWS}.backup.region: cn-north-1 is in another partition than eu-central-1; write a region of the same one"),
    # Groups
    (f"{AWS}.cluster.groups", {"system:masters": ROLE}, f"{AWS}.cluster.groups.system:masters: 'system:masters' is reserved by Kubernetes; write a group of your own"),
    (f"{AWS}.cluster.groups", {"eks:a": ROLE}, f"{AWS}.cluster.groups.eks:a: 'eks:a' has a prefix that EKS reserves; write another name"),
    (f"{AWS}.cluster.groups", {"a": "leads"}, f"{AWS}.cluster.groups.a: 'leads' is not the ARN of an IAM role; write one such as arn:aws:iam::123456789012:role/platform-admin"),
    (f"{AWS}.cluster.groups", {"a": "arn:aws:iam::999999999999:role/a"}, f"{AWS}.cluster.groups.a: arn:aws:iam::999999999999:role/a is not in account 123456789012; write a role of that account"),
    (f"{AWS}.cluster.groups", {"a": "arn:aws:iam::123456789012:role/platform-admin"}, f"{AWS}.cluster.groups.a: arn:aws:iam::123456789012:role/platform-admin is already a cluster administrator (cluster.admins); write a role for the group only"),
    ("teams.vision.groups", {"viewer": ["guests"]}, "teams.vision.groups.viewer.0: no IAM role is mapped to 'guests'; add one to platform.foundation.aws.cluster.groups"),
    # Instance types
    ("nodePools.plain.aws.instanceTypes", GONE, "nodePools.plain.aws: missing setting 'instanceTypes'; write instanceTypes: [g5.2xlarge]"),
    ("nodePools.plain.aws.instanceTypes", ["m7i.2xlrge"], "nodePools.plain.aws.instanceTypes.0: 'm7i.2xlrge' is not an EC2 instance type; did you mean 'm7i.2xlarge'?"),
    ("nodePools.plain.aws.instanceTypes", ["m7g.2xlarge"], "nodePools.plain.aws.instanceTypes.0: m7g.2xlarge has the architecture arm64, but images are built for amd64; write another type"),
    ("nodePools.a10g.aws.instanceTypes", ["p3.2xlarge"], "nodePools.a10g.aws.instanceTypes.0: the CPU and GPUs of p3.2xlarge are not in the catalogue; write a type of a current generation"),
    ("nodePools.plain.labels", {"karpenter.sh/mine": "1"}, "nodePools.plain.labels.karpenter.sh/mine: 'karpenter.sh' is reserved for Kubernetes and EKS; write another domain, or a key without one"),
    ("nodePools.plain.labels", {"node.kubernetes.io/mine": "1"}, "nodePools.plain.labels.node.kubernetes.io/mine: 'node.kubernetes.io' is reserved for Kubernetes and EKS; write another domain, or a key without one"),
    ("nodePools.general-purpose", {"instance": {"cpu": 4, "memory": "8Gi"}, "aws": {"instanceTypes": ["m7i.2xlarge"]}}, "nodePools.general-purpose: 'general-purpose' is a node pool of EKS Auto Mode or of the platform; write another name"),
    ("nodePools.plain.instance.cpu", 8, "nodePools.plain.aws.instanceTypes.0: m7i.2xlarge has 7885m CPU allocatable to pods, less than instance.cpu (8); lower it, or write a larger type"),
    ("nodePools.plain.instance.memory", "32Gi", "nodePools.plain.aws.instanceTypes.0: m7i.2xlarge has 28697Mi allocatable to pods, less than instance.memory (32Gi); lower it, or write a larger type"),
    ("nodePools.plain.gpu", GPUS, "nodePools.plain.aws.instanceTypes.0: m7i.2xlarge has no GPU; write a type with NVIDIA-A10G, or remove 'gpu'"),
    ("nodePools.a10g.gpu", GONE, "nodePools.a10g.aws.instanceTypes.0: g5.2xlarge has GPUs (1 x A10G); declare them in 'gpu', or write a type without GPUs"),
    ("nodePools.a10g.gpu.count", 4, "nodePools.a10g.aws.instanceTypes.0: g5.2xlarge has 1 x A10G, not 4 x NVIDIA-A10G; correct 'gpu', or write another type"),
    ("nodePools.a10g.gpu.model", "NVIDIA-L4", "nodePools.a10g.aws.instanceTypes.0: g5.2xlarge has 1 x A10G, not 1 x NVIDIA-L4; correct 'gpu', or write another type"),
    ("nodePools.plain.aws", GONE, "nodePools.plain: missing setting 'aws'; write aws: {instanceTypes: [g5.2xlarge]} with the EC2 instance types"),
    ("nodePools.plain.aws.instanceTypes", [], "nodePools.plain.aws.instanceTypes: has 0 entries; write at least 1"),
    # Capacity
    ("nodePools.a10g.aws.capacity", ["sport"], "nodePools.a10g.aws.capacity.0: 'sport' is not supported; write 'onDemand', 'spot', 'reserved' or 'capacityBlock'"),
    ("nodePools.h100.aws.capacity", ["reserved", "capacityBlock"], "nodePools.h100.aws.capacity: a reservation is either reserved or a capacityBlock; write one of them"),
    ("nodePools.h100.aws.reservation", GONE, "nodePools.h100.aws.reservation: missing for reserved; write the reservation's id, such as cr-0123456789abcdef0"),
    ("nodePools.a10g.aws.reservation", "cr-0123456789abcdef0", "nodePools.a10g.aws.reservation: not used by capacity [spot]; write capacity: [reserved], or remove it"),
    ("nodePools.h100.aws.reservation", "r-1", "nodePools.h100.aws.reservation: 'r-1' is not the id of a capacity reservation; write one such as cr-0123456789abcdef0"),
    ("nodePools.plain.aws.zones", ["eu-central-1d"], "nodePools.plain.aws.zones.0: 'eu-central-1d' is not a zone of the VPC; write zones out of eu-central-1a, eu-central-1b, eu-central-1c"),
    ("nodePools.a10g.aws.placementGroup", "training", "nodePools.a10g.aws.zones: a cluster placement group is in one zone; write that zone"),
    ("nodePools.h100.aws.placementGroup", "of mine", "nodePools.h100.aws.placementGroup: 'of mine' is not the name of a placement group; write one such as training"),
    # Sizes
    ("nodePools.h100.max", 1, "nodePools.h100.max: 1 is below min (2); write at least 2"),
    ("nodePools.plain.aws.usualNodes", 4.5, "nodePools.plain.aws.usualNodes: 4.5 is more than max (4); write at most 4"),
    ("nodePools.plain.aws.usualNodes", -1, "nodePools.plain.aws.usualNodes: -1 is out of range; write at least 0.0"),
    ("nodePools.h100.aws.usualNodes", 1, "nodePools.h100.aws.usualNodes: a pool with fixedSize always has 'max' nodes; remove it"),
    ("nodePools.plain.min", 1, "nodePools.plain.min: an autoscaled pool starts without nodes; write min: 0, or aws.fixedSize: true and min: 4"),
    ("nodePools.h100.min", 1, "nodePools.h100.min: a pool with fixedSize always has 'max' nodes; write min: 2"),
    ("nodePools.h100.aws.expiry", "505h", "nodePools.h100.aws.expiry: EKS Auto Mode replaces nodes after at most 21 days; write at most 504h"),
    ("nodePools.a10g.runtimeClassName", "nvidia", "nodePools.a10g.runtimeClassName: the nodes of EKS need none for GPUs, and have none; remove it"),
    ("tracking.storage", "5Gi", "tracking.storage: the tracking server has no volume on the aws foundation; remove it (see foundation.aws.database)"),
    ("nodePools.plain.aws.expiry", "505h", "nodePools.plain.aws.expiry: EKS Auto Mode replaces nodes after at most 21 days; write at most 504h"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "line"), MISTAKES, ids=[f"{path}={value}"[:60] for path, value, _ in MISTAKES]
)
def test_a_mistake_costs_one_line(root: Path, path: str, value: object, line: str) -> None:
    assert refusal(root, on_aws(**{path: value})) == [f"Pulumi.dev.yaml: platform.{line}"]


def test_pods_have_what_karpenter_leaves_them() -> None:
    """28.07 GiB of a g5.2xlarge's 32 are allocatable; the exporters take 560 MiB of them."""
    machine = instance_types()["g5.2xlarge"]
    assert allocatable_memory(machine, efa=False, logs=False) == 28745 - 512 - 48
    assert allocatable_cpu(machine, logs=False) == 8000 - 90 - 125
    assert allocatable_cpu(instance_types()["p5.48xlarge"], logs=True) == 192_000 - 550 - 125 - 25


def test_huge_pages_for_efa_are_no_longer_memory() -> None:
    machine = instance_types()["p5.48xlarge"]
    assert (
        allocatable_memory(machine, efa=False, logs=True) - allocatable_memory(machine, efa=True, logs=True)
        == 192 * 220
    )


def test_a_job_that_the_check_lets_through_fits_the_node(root: Path) -> None:
    declare(on_aws(**{"nodePools.a10g.instance.memory": "27Gi"}), "Pulumi.dev.yaml", root)
    assert refusal(root, on_aws(**{"nodePools.a10g.instance.memory": "28Gi"})) == [
        "Pulumi.dev.yaml: platform.nodePools.a10g.aws.instanceTypes.0: g5.2xlarge has 28185Mi allocatable to pods, "
        "less than instance.memory (28Gi); lower it, or write a larger type"
    ]


def test_a_capacity_block_may_be_used_by_a_pool_that_scales(root: Path) -> None:
    changes = {"capacity": ["capacityBlock", "onDemand"], "fixedSize": False, "efa": False}
    block = {f"nodePools.h100.aws.{key}": value for key, value in changes.items()}
    declare(on_aws(**block, **{"nodePools.h100.min": 0}), "Pulumi.dev.yaml", root)


def test_efa_is_for_pools_of_fixed_size(root: Path) -> None:
    pool = "Pulumi.dev.yaml: platform.nodePools.plain"
    assert refusal(root, on_aws(**{"nodePools.plain.aws.efa": True})) == [
        f"{pool}.aws.efa: EFA needs a pool of fixed size; write fixedSize: true",
        f"{pool}.aws.efa: pods get EFA with their GPUs; declare 'gpu', or write efa: false",
        f"{pool}.aws.zones: EFA works within one zone; write one zone",
        f"{pool}.aws.instanceTypes.0: m7i.2xlarge has no EFA; write a type with EFA, or efa: false",
    ]


def test_efa_needs_a_machine_that_has_it_and_one_zone(root: Path) -> None:
    changes = {
        "nodePools.h100.instance": {"cpu": 2, "memory": "8Gi"},
        "nodePools.h100.gpu": {"model": "Tesla-T4", "count": 1},
        "nodePools.h100.aws.instanceTypes": ["g4dn.xlarge"],
        "nodePools.h100.aws.zones": [],
    }
    assert refusal(root, on_aws(**changes)) == [
        "Pulumi.dev.yaml: platform.nodePools.h100.aws.zones: a capacity reservation is in one zone; write that zone",
        "Pulumi.dev.yaml: platform.nodePools.h100.aws.zones: a cluster placement group is in one zone; write that zone",
        "Pulumi.dev.yaml: platform.nodePools.h100.aws.zones: EFA works within one zone; write one zone",
        "Pulumi.dev.yaml: platform.nodePools.h100.aws.instanceTypes.0: g4dn.xlarge has no EFA; write a type with EFA, or efa: false",
    ]


LATEST = "EKS Auto Mode replaces nodes after at most 21 days; write at most"


@pytest.mark.parametrize(
    ("timeout", "expiry", "line"),
    [
        ("168h", "336h", None),
        ("24h", "600h", f"nodePools.plain.aws.expiry: a job may take 24 h, and {LATEST} 480h"),
        ("200h", "336h", f"nodePools.plain.aws.expiry: a job may take 200 h, and {LATEST} 304h"),
        ("503h", "336h", f"nodePools.plain.aws.expiry: a job may take 503 h, and {LATEST} 1h"),
        *(
            (
                "720h",
                expiry,
                f"training.digits.timeout: {LATEST} 503h, and nodePools.plain.aws.expiry of at most 504h less the timeout",
            )
            for expiry in ("1h", "336h", "600h")
        ),
    ],
)
def test_a_job_that_may_outlive_its_node_costs_one_line_that_solves_it(
    root: Path, timeout: str, expiry: str, line: str | None
) -> None:
    job = {"training.digits.pool": "plain", "training.digits.timeout": timeout}
    changed = on_aws(**job, **{"nodePools.plain.aws.expiry": expiry})
    if line is None:
        declare(changed, "Pulumi.dev.yaml", root)
    else:
        assert refusal(root, changed) == [f"Pulumi.dev.yaml: platform.{line}"]


def test_what_is_advised_for_a_long_job_is_accepted(root: Path) -> None:
    job = {"training.digits.pool": "plain", "training.digits.timeout": "503h"}
    declare(on_aws(**job, **{"nodePools.plain.aws.expiry": "1h"}), "Pulumi.dev.yaml", root)


def test_a_rollout_fits_the_pool_of_its_endpoint(root: Path) -> None:
    """A pod that is added before one is taken away would wait for a GPU that none gives up."""
    on_h100 = {"serving.digits.pool": "h100", "serving.digits.gpus": 8}
    declare(on_aws(**on_h100, **{"serving.digits.replicas": 1}), "Pulumi.dev.yaml", root)
    assert refusal(root, on_aws(**on_h100, **{"serving.digits.replicas": 2})) == [
        "Pulumi.dev.yaml: platform.serving.digits.replicas: 2 replicas, and 1 more pod during a rollout, do not fit in pool "
        "'h100' at its maximum, which has room for 2; raise nodePools.h100.max, or write fewer replicas, or maxSurge: 0"
    ]
    declare(on_aws(**on_h100, **{"serving.digits.replicas": 2, "serving.digits.maxSurge": 0}), "Pulumi.dev.yaml", root)
    (line,) = refusal(root, on_aws(**on_h100, **{"serving.digits.replicas": 3}))
    assert line.endswith("raise nodePools.h100.max, or write fewer replicas")


def of_h100(**endpoints: dict[str, Any]) -> dict[str, Any]:
    """Endpoints in a pool of two nodes with eight GPUs each."""
    common = on_aws()["serving"]["digits"] | {"pool": "h100"}
    return on_aws(serving={name: {**common, **each} for name, each in endpoints.items()})


def test_endpoints_that_fill_their_pool_roll_out_in_place(root: Path) -> None:
    four = {"gpus": 4, "replicas": 2}
    assert refusal(root, of_h100(first=four, second={**four, "maxSurge": 0})) == [
        "Pulumi.dev.yaml: platform.serving.first.maxSurge: pool 'h100' has no room for another pod beside all replicas of "
        "its endpoints, so a rollout would wait forever; write 0, or raise nodePools.h100.max"
    ]
    in_place = {"first": {**four, "maxSurge": 0}, "second": {**four, "maxSurge": 0}}
    declare(of_h100(**in_place), "Pulumi.dev.yaml", root)
    assert refusal(root, of_h100(**in_place, third={"gpus": 1, "replicas": 1})) == [
        "Pulumi.dev.yaml: platform.nodePools.h100.max: the replicas of its endpoints (first, second, third) do not fit on "
        "2 nodes together; raise it, or write fewer replicas"
    ]


def test_endpoints_of_a_pool_may_roll_out_one_after_the_other(root: Path) -> None:
    one = {"gpus": 4, "replicas": 1}
    declare(of_h100(first=one, second=one, third=one), "Pulumi.dev.yaml", root)


def test_what_is_free_on_no_node_is_no_room(root: Path) -> None:
    """Each node has two GPUs free."""
    three = {"gpus": 3, "replicas": 3}
    (line,) = refusal(root, of_h100(first=three, second={"gpus": 3, "replicas": 1, "maxSurge": 0}))
    assert line.startswith("Pulumi.dev.yaml: platform.serving.first.maxSurge: pool 'h100' has no room for another pod")


def test_endpoints_fill_a_pool_by_their_cores_too(root: Path) -> None:
    common = on_aws()["serving"]["digits"] | {"pool": "plain", "replicas": 2, "resources": {"cpu": 4, "memory": "1Gi"}}
    lines = refusal(root, on_aws(serving={"first": common, "second": common}))
    assert [line.split(": ")[1] for line in lines] == [
        f"platform.serving.{name}.maxSurge" for name in ("first", "second")
    ]


def test_an_endpoint_fits_the_pool_by_its_cores_too(root: Path) -> None:
    endpoint = {"serving.digits.pool": "plain", "serving.digits.resources": {"cpu": 4, "memory": "1Gi"}}
    declare(on_aws(**endpoint, **{"serving.digits.replicas": 3}), "Pulumi.dev.yaml", root)
    (line,) = refusal(root, on_aws(**endpoint, **{"serving.digits.replicas": 4}))
    assert "replicas: 4 replicas, and 1 more pod during a rollout, do not fit in pool 'plain'" in line


def test_a_topic_of_sns_is_known_in_aws(root: Path) -> None:
    receivers = {"on-call": {"sns": {"topic": "alerts"}}, "vision": {"sns": {"topic": "alerts"}}}
    platform = declare(on_aws(monitoring={"receivers": receivers}), "Pulumi.dev.yaml", root)
    assert platform.monitoring is not None
    assert platform.monitoring.topics() == {"alerts": []}


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
