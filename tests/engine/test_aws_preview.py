"""The whole prod stack through the real engine: no account, no cluster and no credentials in reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from tests.engine.project import Project, Step
from tests.pulumi_engine import find_engine, remove_installation
from tests.unit.declaration.samples import REPOSITORY

PROD = yaml.safe_load((REPOSITORY / "Pulumi.prod.yaml").read_text())["config"]["ml-platform:platform"]
PACK = str(REPOSITORY / "policies")
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
    assert providers == ["aws", "docker", "kubernetes", "random"]


def test_plain_values_stay_plain_where_the_cluster_does_not_exist_yet(steps: list[Step]) -> None:
    deployment = inputs(steps, "kubernetes:apps/v1:Deployment", "digits")
    assert deployment["spec"]["replicas"] == 3
    assert deployment["metadata"]["namespace"] == "vision"
    spec = inputs(steps, "kubernetes:karpenter.sh/v1:NodePool", "a10g")["spec"]
    assert spec["limits"] == {"nvidia.com/gpu": "4"}
    role = inputs(steps, "aws:iam/role:Role", "vision-serving-digits")
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


@pytest.mark.parametrize(
    ("user", "used"),
    [
        ("kubernetes:batch/v1:Job digits", "kubernetes:karpenter.sh/v1:NodePool cpu"),
        ("kubernetes:karpenter.sh/v1:NodePool cpu", "kubernetes:eks.amazonaws.com/v1:NodeClass cpu"),
        ("kubernetes:eks.amazonaws.com/v1:NodeClass cpu", "aws:eks/cluster:Cluster cluster"),
        ("kubernetes:apps/v1:Deployment digits", "aws:eks/cluster:Cluster cluster"),
        ("kubernetes:apps/v1:Deployment tracking", "aws:s3/bucketPolicy:BucketPolicy artifacts"),
        ("kubernetes:apps/v1:Deployment tracking", "aws:rds/instance:Instance tracking"),
        ("aws:rds/instance:Instance tracking", "aws:ec2/vpc:Vpc network"),
        ("aws:eks/cluster:Cluster cluster", "aws:ec2/natGateway:NatGateway eu-central-1a"),
    ],
)
def test_what_is_used_goes_after_its_users(steps: list[Step], user: str, used: str) -> None:
    """The engine destroys in the opposite order of what it knows to depend on what."""
    known = {step.urn: step for step in steps}
    by_name = {f"{step.type} {step.name}": step.urn for step in steps}
    seen: set[str] = set()
    ahead = [by_name[user]]
    while ahead:
        urn = ahead.pop()
        if urn in known and urn not in seen:
            seen.add(urn)
            ahead += _needed(known[urn].state)
    assert by_name[used] in seen


def _needed(state: Mapping[str, Any]) -> set[str]:
    """By URN, all that the engine makes before, and removes after."""
    provider = state.get("provider", "").rpartition("::")[0]
    properties = [urn for urns in state.get("propertyDependencies", {}).values() for urn in urns or []]
    return {*(state.get("dependencies") or []), *properties, provider, state.get("parent", "")} - {""}


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
