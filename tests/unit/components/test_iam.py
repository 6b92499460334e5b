"""Who may do what: every policy and trust of the prod stack, walked."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any

import pytest

from infra.foundation.aws.boundary import boundary_statements
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import github_trust, pod_trust, service_trust
from tests.examples import PROD, declaration
from tests.unit.components.policy_documents import Document, admits, document, documents, faults, listed
from tests.unit.components.recorder import Recorder, created, inputs, platform

PLACE = AwsContext("123456789012", "eu-central-1", "test", "ml-platform", "4711")
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
POLICY = "aws:iam/policy:Policy"


@cache
def declared() -> dict[str, Any]:
    return declaration(PROD)


@pytest.fixture
def prod() -> Recorder:
    return platform(declared())


def statements(stack: Recorder, name: str) -> list[dict[str, Any]]:
    return list(json.loads(inputs(stack, ROLE_POLICY, name)["policy"])["Statement"])


def test_every_policy_and_trust_is_walked(prod: Recorder) -> None:
    walked = documents(prod)
    assert len([each for each in walked if each.trust]) == len(created(prod, ROLE))
    for kind in (ROLE_POLICY, "aws:kms/key:Key", "aws:s3/bucketPolicy:BucketPolicy"):
        assert len([each for each in walked if each.type == kind]) == len(created(prod, kind)) > 1


def test_no_policy_is_too_wide_and_no_trust_is_open(prod: Recorder) -> None:
    assert {f"{each.type} {each.name}": faults(each) for each in documents(prod) if faults(each)} == {}


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **statement}]})


GITHUB = {"Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}
AUDIENCE = {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}
ANY_SUBJECT = {"token.actions.githubusercontent.com:sub": "repo:example/*"}
POD = {"Service": "pods.eks.amazonaws.com"}

ANY_ACCOUNT = {"StringLike": {"aws:PrincipalAccount": "*"}}
HERE = {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}

PLANTED = [
    (policy(Action="*"), False, "allows every action"),
    (policy(Action=["s3:GetObject", "*:*"]), False, "allows every action"),
    (policy(Action="**"), False, "allows every action"),
    (policy(Action="i*"), False, "allows every action"),
    (policy(NotAction="iam:*"), False, "allows every action"),
    (policy(Action="iam:Pass*"), False, "allows a pattern of iam's actions"),
    (policy(Action="kms:*", Condition=HERE), False, "allows a pattern of kms's actions"),
    (policy(Action="kms:*", Principal={"AWS": "arn:aws:iam::1:role/a"}), False, "allows a pattern of kms's actions"),
    (policy(Action=["ec2:DescribeVpcs", "ec2:**"]), False, "allows all of ec2"),
    (policy(Action="s3:GetObject", Principal="*"), False, "lets everybody in"),
    (policy(Action="s3:GetObject", Principal={"AWS": ["*"]}), False, "lets everybody in"),
    (policy(Action="s3:GetObject", Principal="*", Condition=ANY_ACCOUNT), False, "lets everybody in"),
    (policy(Action="sts:AssumeRole", Principal=POD), True, "does not pin cluster, namespace and service account"),
    (policy(Action="sts:AssumeRole", Principal={"Service": "eks.amazonaws.com"}), True, "does not pin the account"),
    (
        policy(Action="sts:AssumeRoleWithWebIdentity", Principal=GITHUB, Condition={"StringEquals": AUDIENCE}),
        True,
        "does not pin audience and subject",
    ),
    (
        policy(
            Action="sts:AssumeRoleWithWebIdentity",
            Principal=GITHUB,
            Condition={"StringEquals": AUDIENCE, "StringLike": ANY_SUBJECT},
        ),
        True,
        "does not pin audience and subject",
    ),
    (
        policy(
            Action="sts:AssumeRoleWithWebIdentity",
            Principal=GITHUB,
            Condition={"StringEquals": {**AUDIENCE, **ANY_SUBJECT}},
        ),
        True,
        "does not pin audience and subject",
    ),
]


@pytest.mark.parametrize(("text", "trust", "fault"), PLANTED)
def test_a_planted_fault_is_found(text: str, trust: bool, fault: str) -> None:
    assert faults(document(text, trust)) == [fault]


def test_a_service_is_allowed_whole_where_a_condition_or_names_hold_it() -> None:
    bucket = policy(Action="s3:*", Resource="arn:aws:s3:::ml-platform-test-*")
    account = policy(Action="kms:*", Principal={"AWS": "arn:aws:iam::123456789012:root"})
    for text in (bucket, account, policy(Action="ec2:*", Condition=HERE)):
        assert faults(document(text)) == []


def test_a_role_of_a_pod_refuses_every_other_pod() -> None:
    trust = document(pod_trust(PLACE, "vision", "serving-digits"), trust=True)
    own = {
        "aws:RequestTag/eks-cluster-arn": "arn:aws:eks:eu-central-1:123456789012:cluster/ml-platform-test",
        "aws:RequestTag/kubernetes-namespace": "vision",
        "aws:RequestTag/kubernetes-service-account": "serving-digits",
    }
    assert admits(trust, own)
    assert not admits(trust, own | {"aws:RequestTag/kubernetes-namespace": "speech"})
    assert not admits(trust, own | {"aws:RequestTag/kubernetes-service-account": "default"})
    other_account = "arn:aws:eks:eu-central-1:999999999999:cluster/ml-platform-test"
    assert not admits(trust, own | {"aws:RequestTag/eks-cluster-arn": other_account})
    assert not admits(trust, {})


def test_a_pull_request_can_not_deploy() -> None:
    deploy = document(github_trust(PLACE, "repo:example/ml-platform:environment:prod"), trust=True)
    token = {f"token.actions.githubusercontent.com:{key}": value for key, value in {"aud": "sts.amazonaws.com"}.items()}
    subject = "token.actions.githubusercontent.com:sub"
    assert admits(deploy, token | {subject: "repo:example/ml-platform:environment:prod"})
    assert not admits(deploy, token | {subject: "repo:example/ml-platform:pull_request"})
    assert not admits(deploy, token | {subject: "repo:someone/ml-platform:environment:prod"})


def test_a_service_acts_for_this_account_only() -> None:
    trust = document(service_trust(PLACE, "eks.amazonaws.com"), trust=True)
    assert admits(trust, {"aws:SourceAccount": "123456789012"})
    assert not admits(trust, {"aws:SourceAccount": "999999999999"})


def test_every_workload_that_uses_aws_has_a_role_of_its_own(prod: Recorder) -> None:
    """The endpoint and the job without datasets have none: no packet of theirs could use it."""
    associations = created(prod, "aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert associations == [
        "ml-platform-alertmanager",
        "ml-platform-dashboards",
        "ml-platform-prometheus",
        "ml-platform-tracking",
        "vision-training-digits-gpu",
    ]
    assert set(associations) <= set(created(prod, ROLE))


def test_a_job_reads_its_datasets_and_writes_nothing(prod: Recorder) -> None:
    found = statements(prod, "vision-training-digits-gpu-datasets")
    actions = {action for statement in found for action in statement["Action"]}
    assert actions == {"s3:GetObject", "s3:ListBucket", "kms:Decrypt"}
    objects = [statement["Resource"] for statement in found if statement["Action"] == ["s3:GetObject"]]
    assert objects == [["arn:aws:s3:::ml-platform-test-datasets-123456789012/vision/imagenet/*"]]


def test_only_the_tracking_server_reads_the_database_login(prod: Recorder) -> None:
    readers = [
        name
        for name in created(prod, ROLE_POLICY)
        if any("secretsmanager:GetSecretValue" in statement["Action"] for statement in statements(prod, name))
    ]
    assert readers == ["ml-platform-tracking-database"]
    of_deploy = json.loads(inputs(prod, POLICY, "ci-deploy-data")["policy"])["Statement"]
    read = [each["Resource"] for each in of_deploy if "secretsmanager:GetSecretValue" in each["Action"]]
    assert read == [[PLACE.arn("secretsmanager", f"secret:{PLACE.name}/*")]], "the teams' own only"
    (reads, _) = statements(prod, "ml-platform-tracking-database")
    assert reads["Resource"] == ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1"]


def test_keys_are_used_through_their_service_only(prod: Recorder) -> None:
    uses = [
        statement
        for each in documents(prod)
        if each.type == ROLE_POLICY and each.name != "ci-deploy-platform"
        for statement in each.statements
        if any(action.startswith("kms:") for action in listed(statement["Action"]) if action != "kms:DescribeKey")
    ]
    assert uses
    assert all("kms:ViaService" in statement["Condition"]["StringEquals"] for statement in uses)


def test_the_deploy_role_changes_the_stack_s_keys_by_their_own_policies(prod: Recorder) -> None:
    """An IAM policy without names of keys would give it those of others, whose policies leave permissions to IAM."""
    keys = [each for each in documents(prod) if each.type == "aws:kms/key:Key"]
    deployer = {"AWS": PLACE.role_arn("ci-deploy")}
    assert all([each for each in key.statements if each["Principal"] == deployer] for key in keys)
    own = [each for name in ("platform",) for each in statements(prod, f"ci-deploy-{name}")]
    managed = [each for document in documents(prod) if document.type == POLICY for each in document.statements]
    named = {"kms:CreateKey", "kms:ListAliases", "kms:TagResource"}
    anywhere = [each for each in (*own, *managed) if each["Effect"] == "Allow" and "*" in listed(each["Resource"])]
    assert {action for each in anywhere for action in each["Action"] if action.startswith("kms:")} == named


def test_keys_of_a_stack_without_a_pipeline_name_no_role_of_it() -> None:
    without = declaration(PROD)
    del without["foundation"]["aws"]["ci"]
    assert "ci-deploy" not in json.dumps(
        [dict(each) for key in documents(platform(without)) for each in key.statements]
    )


LONGEST_INLINE, LONGEST_MANAGED = 10240, 6144
"""Characters that IAM accepts, of all inline policies of a role together and of a managed one; spaces don't count."""


def test_policies_are_as_short_as_iam_demands(prod: Recorder) -> None:
    """With room for a longer name of the stack, and for more statements."""
    managed = {each.name: _length(each) for each in documents(prod) if each.type == POLICY}
    inline: Counter[str] = Counter()
    for each in documents(prod):
        if each.type == ROLE_POLICY:
            inline[inputs(prod, ROLE_POLICY, each.name)["role"]] += _length(each)
    assert {name: length for name, length in managed.items() if length > 0.95 * LONGEST_MANAGED} == {}
    assert {name: length for name, length in inline.items() if length > 0.95 * LONGEST_INLINE} == {}


def _length(document: Document) -> int:
    return len(json.dumps({"Version": "2012-10-17", "Statement": document.statements}, separators=(",", ":")))


def test_every_role_but_the_pipelines_own_is_within_the_boundary(prod: Recorder) -> None:
    bounds = {name: inputs(prod, ROLE, name).get("permissionsBoundary") for name in created(prod, ROLE)}
    assert {name for name, boundary in bounds.items() if boundary != PLACE.boundary} == {"ci-deploy", "ci-preview"}


def test_the_boundary_lets_no_role_make_roles() -> None:
    actions = {action for statement in boundary_statements(PLACE) for action in statement["Action"]}
    assert "s3:*" in actions
    assert {action for action in actions if action.startswith("iam:")} == {
        "iam:AddRoleToInstanceProfile",
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
    }


def test_the_preview_role_asks_what_aws_offers_and_sees_nothing_of_what_runs(prod: Recorder) -> None:
    attached = [each.name for each in prod.resources if each.type.endswith("RolePolicyAttachment")]
    assert [name for name in attached if name.startswith("ci-preview")] == []
    assert [name for name in created(prod, ROLE_POLICY) if name.startswith("ci-preview")] == ["ci-preview-preflight"]
    actions = {action for statement in statements(prod, "ci-preview-preflight") for action in statement["Action"]}
    offers = {"ec2", "eks", "rds", "servicequotas"}
    assert {action.partition(":")[0] for action in actions} == {
        *offers,
        "acm",
        "iam",
        "identitystore",
        "kms",
        "s3",
        "sso",
    }
    assert {action for action in actions if action.startswith("acm:")} == {"acm:DescribeCertificate"}
    assert all(action.partition(":")[2].startswith(("Describe", "Get", "List")) for action in actions)
    assert not [action for action in actions if action.endswith(("*", "Clusters", "Roles", "Policies"))]
    assert {action for action in actions if action.endswith("Instances")} == {"sso:ListInstances"}
    of_data = {action for action in actions if action.startswith(("kms:", "s3:"))}
    assert of_data == {"kms:DescribeKey", "s3:GetBucketLocation", "s3:GetBucketVersioning"}


def test_the_preview_role_reads_those_roles_only_that_get_into_the_cluster(prod: Recorder) -> None:
    (read,) = [each for each in statements(prod, "ci-preview-preflight") if "iam:GetRole" in each["Action"]]
    linked = [PLACE.iam_arn("role/aws-service-role/*"), PLACE.iam_arn("role/AWSServiceRoleFor*")]
    groups = ("vision-guests", "vision-developers", "vision-leads", "speech-developers", "speech-leads")
    declared = [PLACE.iam_arn(f"role/{name}") for name in ("platform-admin", *groups)]
    assert read["Resource"] == [*linked, *declared]


def test_long_names_stay_unique_and_short_enough() -> None:
    names = [PLACE.role_name(f"{'team' * 15}-{number}") for number in range(2)]
    assert all(len(name) <= 64 for name in names)
    assert names[0] != names[1]
