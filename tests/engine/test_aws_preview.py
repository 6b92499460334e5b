"""The whole prod stack through the real engine: no account, no cluster and no credentials in reach."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from offline.plugins.aws.plugin import recorded
from tests.engine.aws_api import problems
from tests.engine.aws_calls import CALLS
from tests.engine.project import Project, Step
from tests.pulumi_engine import find_engine, remove_installation
from tests.unit.declaration.samples import REPOSITORY

PROD = yaml.safe_load((REPOSITORY / "tests" / "examples" / "prod.yaml").read_text())["config"]["ml-platform:platform"]
PACK = str(REPOSITORY / "policies")
CLUSTER = "aws:eks/cluster:Cluster cluster"
NODES = ["aws:eks/podIdentityAssociation:", "aws:eks/accessEntry:"]
WAYS_OUT = ["aws:ec2/natGateway:", "aws:ec2/vpcEndpoint:", "aws:ec2/internetGateway:", "aws:ec2/route:"]
UNPROTECTED = """
import pulumi_aws

bucket = pulumi_aws.s3.Bucket(
    "forgotten", opts=pulumi.ResourceOptions(provider=pulumi_aws.Provider("more", region="eu-central-1"))
)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One stack for all previews: they change nothing."""
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    stack = Project(tmp_path_factory.mktemp("preview"), PROD)
    with stack:
        yield stack
    remove_installation()


@pytest.fixture(scope="module")
def steps(project: Project) -> list[Step]:
    return project.steps()


def inputs(steps: list[Step], type_: str, name: str) -> Mapping[str, Any]:
    (found,) = [step for step in steps if (step.type, step.name) == (type_, name)]
    return dict(found.state["inputs"])


def test_everything_would_be_created_on_the_account_and_on_the_cluster(steps: list[Step]) -> None:
    assert {step.operation for step in steps} == {"create"}
    types = {step.type for step in steps}
    assert {"aws:eks/cluster:Cluster", "aws:rds/instance:Instance", "aws:s3/bucket:Bucket"} <= types
    assert {"kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job", "kubernetes:karpenter.sh/v1:NodePool"} <= types


def test_no_provider_is_a_default_one(steps: list[Step]) -> None:
    providers = sorted(step.name for step in steps if step.type.startswith("pulumi:providers:"))
    assert providers == ["aws", "aws-backup", "docker", "kubernetes", "random"]


def test_plain_values_stay_plain_where_the_cluster_does_not_exist_yet(steps: list[Step]) -> None:
    deployment = inputs(steps, "kubernetes:apps/v1:Deployment", "digits")
    assert deployment["spec"]["replicas"] == 3
    assert deployment["metadata"]["namespace"] == "vision"
    spec = inputs(steps, "kubernetes:karpenter.sh/v1:NodePool", "a10g")["spec"]
    assert spec["limits"] == {"nvidia.com/gpu": "4"}
    role = inputs(steps, "aws:iam/role:Role", "vision-training-digits-gpu")
    assert "kubernetes-service-account" in role["assumeRolePolicy"]


def test_data_is_protected(steps: list[Step]) -> None:
    protected = {step.type for step in steps if step.state.get("protect")}
    assert protected == {
        "aws:amp/workspace:Workspace",
        "aws:ecr/repository:Repository",
        "aws:eks/cluster:Cluster",
        "aws:kms/key:Key",
        "aws:rds/instance:Instance",
        "aws:s3/bucket:Bucket",
        "kubernetes:core/v1:PersistentVolumeClaim",
    }


def test_the_snapshot_before_an_upgrade_outlives_the_next_one(steps: list[Step]) -> None:
    (snapshot,) = [step for step in steps if step.type == "aws:rds/snapshot:Snapshot"]
    assert snapshot.state["retainOnDelete"] is True


@pytest.mark.parametrize(
    ("user", "used"),
    [
        ("kubernetes:batch/v1:Job digits", "kubernetes:karpenter.sh/v1:NodePool cpu"),
        ("kubernetes:karpenter.sh/v1:NodePool cpu", "kubernetes:eks.amazonaws.com/v1:NodeClass cpu"),
        ("kubernetes:eks.amazonaws.com/v1:NodeClass cpu", "aws:eks/cluster:Cluster cluster"),
        ("kubernetes:apps/v1:Deployment digits", "aws:eks/cluster:Cluster cluster"),
        ("kubernetes:apps/v1:Deployment tracking", "aws:s3/bucketPolicy:BucketPolicy artifacts"),
        ("kubernetes:apps/v1:Deployment tracking", "aws:rds/instance:Instance tracking"),
        ("kubernetes:apps/v1:Deployment tracking", "kubernetes:batch/v1:Job tracking-migration"),
        ("kubernetes:batch/v1:Job tracking-migration", "aws:rds/snapshot:Snapshot tracking"),
        ("aws:rds/snapshot:Snapshot tracking", "aws:rds/instance:Instance tracking"),
        ("aws:rds/instance:Instance tracking", "aws:ec2/vpc:Vpc network"),
        ("aws:eks/cluster:Cluster cluster", "aws:ec2/natGateway:NatGateway eu-central-1a"),
    ],
)
def test_what_is_used_goes_after_its_users(steps: list[Step], user: str, used: str) -> None:
    """The engine destroys in the opposite order of what it knows to depend on what."""
    assert used in _uses(steps)[user]


def _uses(steps: list[Step]) -> dict[str, set[str]]:
    """By type and name, all that a resource directly or indirectly depends on."""
    known = {step.urn: step for step in steps}
    return {_name(step): {_name(known[urn]) for urn in _behind(known, step.urn)} for step in steps}


def _name(step: Step) -> str:
    """Without the identity that the name of a training run ends with."""
    return f"{step.type} {re.sub('-[0-9a-f]{8}$', '', step.name)}"


def _behind(known: Mapping[str, Step], first: str) -> set[str]:
    seen: set[str] = set()
    ahead = [first]
    while ahead:
        urn = ahead.pop()
        if urn in known and urn not in seen:
            seen.add(urn)
            ahead += _needed(known[urn].state)
    return seen


def _needed(state: Mapping[str, Any]) -> set[str]:
    """By URN, all that the engine makes before, and removes after."""
    provider = state.get("provider", "").rpartition("::")[0]
    properties = [urn for urns in state.get("propertyDependencies", {}).values() for urn in urns or []]
    return {*(state.get("dependencies") or []), *properties, provider, state.get("parent", "")} - {""}


AWS = "aws:"


def test_the_stand_in_knows_every_type_of_the_plan(steps: list[Step]) -> None:
    """Also which of its changes replace it, or the comment on a pull request would not warn of them."""
    planned = {step.type for step in steps if step.type.startswith(AWS)}
    assert planned == set(CALLS)
    assert planned <= set(recorded())


def test_aws_takes_every_planned_resource(steps: list[Step]) -> None:
    refused = {
        f"{step.type} {step.name}": found
        for step in steps
        if step.type.startswith(AWS) and (found := problems(step.type, step.state["inputs"]))
    }
    assert refused == {}


@pytest.mark.parametrize(
    ("type_", "name", "wrong", "why"),
    [
        ("aws:eks/accessEntry:AccessEntry", "nodes", {"nodeSize": 3}, "has no member for 'nodeSize'"),
        ("aws:kms/key:Key", "cluster", {"deletionWindowInDays": 400}, "400 is more than 365"),
        ("aws:kms/key:Key", "cluster", {"description": "x" * 9000}, "9000 is more than 8192"),
        ("aws:iam/role:Role", "flow", {"name": "no spaces"}, "'no spaces' does not match"),
        ("aws:ecr/repository:Repository", "tracking", {"imageTagMutability": "YES"}, "'YES' is none of MUTABLE"),
        ("aws:rds/instance:Instance", "tracking", {"identifier": None}, "DBInstanceIdentifier"),
        ("aws:s3/bucketReplicationConfig:BucketReplicationConfig", "artifacts", {"role": None}, '"Role"'),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "CPUUtilization", {"statistic": "Mean"}, "'Mean' is none of"),
        ("aws:ec2/subnet:Subnet", "public-eu-central-1a", {"vpcId": None}, 'required parameter in input: "VpcId"'),
    ],
)
def test_what_aws_would_refuse_is_found(
    steps: list[Step], type_: str, name: str, wrong: Mapping[str, Any], why: str
) -> None:
    changed = {**inputs(steps, type_, name), **wrong}
    (found,) = problems(type_, {key: value for key, value in changed.items() if value is not None})
    assert why in found


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (NODES, [CLUSTER]),
        ([CLUSTER], WAYS_OUT),
        ([CLUSTER, "aws:rds/instance:"], ["aws:ec2/subnet:", "aws:ec2/vpc:"]),
        (WAYS_OUT, ["aws:ec2/vpc:"]),
        ([CLUSTER], ["aws:kms/key:Key cluster"]),
        (["aws:rds/instance:"], ["aws:kms/key:Key database"]),
        (["aws:ecr/repository:"], ["aws:kms/key:Key registry"]),
        (["kubernetes:"], [CLUSTER]),
        (["kubernetes:apps/v1:Deployment tracking"], ["aws:s3/bucket:Bucket artifacts", "aws:rds/instance:"]),
        (["aws:s3/bucketPolicy:BucketPolicy artifacts"], ["aws:s3/bucket:Bucket artifacts"]),
        (
            ["aws:s3/bucketReplicationConfig:"],
            [f"aws:s3/bucketVersioning:BucketVersioning {bucket}" for bucket in ("artifacts", "replica")],
        ),
    ],
)
def test_a_stack_is_destroyed_from_workloads_to_network(steps: list[Step], first: list[str], then: list[str]) -> None:
    """The engine deletes a resource after all that depend on it; so each of `first` must depend on each of `then`."""
    uses = _uses(steps)
    before, after = ({name for name in uses if name.startswith(tuple(group))} for group in (first, then))
    assert before
    assert after
    assert {name: missing for name in before if (missing := after - uses[name])} == {}


def test_the_policies_are_kept(project: Project) -> None:
    assert project.run("preview", "--policy-pack", PACK).changes()["create"] > 150


def test_a_violated_policy_ends_the_preview_and_names_resource_and_rule(project: Project) -> None:
    whole = (REPOSITORY / "__main__.py").read_text()
    project.program(whole + UNPROTECTED)
    result = project.run("preview", "--policy-pack", PACK, check=False)
    project.program(whole)
    assert result.code != 0
    assert "protected-data" in result.text
    assert "forgotten" in result.text
