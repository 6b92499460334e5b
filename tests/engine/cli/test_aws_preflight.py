"""Preflight on aws: against moto on loopback, and against stubbed answers where moto lacks the API."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from botocore.stub import Stubber

from cli.aws_preflight import Finding, examine
from cli.aws_preflight.account import (
    account_is_declared,
    caller_gets_into_the_cluster,
    kubernetes_login_is_possible,
    zones_are_open,
)
from cli.aws_preflight.pipeline import github_has_one_identity_provider
from cli.aws_preflight.pools import placement_groups_exist, reservations_are_active, zones_offer_the_types
from cli.aws_preflight.quotas import quota_of, quotas_suffice
from cli.aws_preflight.versions import the_cluster_can_become_it, version_is_supported
from cli.aws_preflight.wanted import Client, Wanted
from infra.catalogue.aws.names import GITHUB
from infra.catalogue.names import DOMAIN, PROJECT
from infra.declaration.aws.settings import AwsFoundation
from tests.engine.cli.aws import (
    ACCOUNT,
    CLUSTER,
    REGION,
    client_of,
    foundation,
    pool,
    refusing,
    said,
    session_of,
    wanted,
)
from tests.engine.iam_evaluator import allowed
from tests.engine.iam_evaluator.prod import KEY, PLACE, key_policy, prod_role
from tests.engine.iam_evaluator.weaker import about_everything, may_everything, refused
from tests.examples import PROD, validated
from tests.project_copy import copy_project

RESERVATION = "cr-0123456789abcdef0"


PIPELINE = (f"{CLUSTER}-ci-deploy", f"{CLUSTER}-ci-preview")
OTHERS = ("other", "ml-platform-dev-ci-deploy")


@pytest.mark.parametrize(
    ("role", "fine"), [*((role, True) for role in ("admin", *PIPELINE)), *((role, False) for role in OTHERS)]
)
def test_whoever_is_no_admin_is_told_before_there_is_a_cluster(
    stubbed: Callable[..., Client], role: str, fine: bool
) -> None:
    aws = foundation(ci={"repository": "example/ml-platform"})
    found = list(caller_gets_into_the_cluster(stubbed({"sts": [session_of(role)]}), wanted(aws)))
    assert [finding.setting for finding in found] == ([] if fine else ["platform.foundation.aws.cluster.admins"])
    assert not any(finding.blocking for finding in found)


def test_without_aws_own_command_nobody_logs_in_to_the_cluster(
    moto: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "command 'aws' is not on PATH" in said(kubernetes_login_is_possible(moto, wanted()))[0]
    (tmp_path / "aws").touch(mode=0o755)
    assert said(kubernetes_login_is_possible(moto, wanted())) == []


def test_the_declared_account_is_fine(moto: Client) -> None:
    assert said(account_is_declared(moto, wanted())) == []


def test_another_account_is_named_and_nothing_else_is_asked(moto: Client) -> None:
    (finding,) = examine(moto, wanted(foundation(account="999999999999")))
    assert finding.blocking
    assert str(finding).startswith(
        f"platform.foundation.aws.account: '999999999999' is declared, "
        f"but the credentials of arn:aws:sts::{ACCOUNT}:user/moto belong to {ACCOUNT}; "
    )


def test_a_shell_that_points_to_another_region_is_refused(moto: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert said(examine(moto, wanted())) == [
        f"platform.foundation.aws.region: '{REGION}' is declared, but $AWS_REGION is 'us-east-1'; "
        f"set AWS_REGION={REGION}, or unset it"
    ]


def test_zones_must_exist(moto: Client) -> None:
    network = {"cidr": "10.20.0.0/16", "zones": ["eu-central-1a", "eu-central-1f"]}
    assert said(zones_are_open(moto, wanted(foundation(network=network)))) == [
        "platform.foundation.aws.network.zones: 'eu-central-1f' is unknown to this account; "
        "declare zones out of eu-central-1a, eu-central-1b, eu-central-1c"
    ]


PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"
OF_A_STACK = [{"Key": f"{DOMAIN}/project", "Value": PROJECT}]


@contextmanager
def provider(moto: Client, *audiences: str, tags: Sequence[Mapping[str, str]] = ()) -> Iterator[None]:
    """An account that lets GitHub's workflows in."""
    made = moto("iam").create_open_id_connect_provider
    made(Url=f"https://{GITHUB}", ClientIDList=audiences, ThumbprintList=["0" * 40], Tags=tags)
    try:
        yield
    finally:
        moto("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER)


def github(moto: Client, **ci: str) -> list[str]:
    aws = foundation(ci={"repository": "example/ml-platform", **ci})
    return said(github_has_one_identity_provider(moto, wanted(aws)))


def test_a_second_identity_provider_is_not_tried(moto: Client) -> None:
    assert github(moto) == []
    with provider(moto, "sts.amazonaws.com"):
        (line,) = github(moto)
        assert line.startswith("platform.foundation.aws.ci.provider: the account has an identity provider for GitHub")
        assert line.endswith(f"; write provider: {PROVIDER}")
        assert github(moto, provider=PROVIDER) == []
        assert said(github_has_one_identity_provider(moto, wanted(foundation()))) == [], "nobody comes from GitHub"
    with provider(moto, "sts.amazonaws.com", tags=OF_A_STACK):
        assert github(moto) == [], "a stack has made it"


def test_a_declared_identity_provider_must_let_workflows_in(moto: Client) -> None:
    assert github(moto, provider=PROVIDER) == [
        f"platform.foundation.aws.ci.provider: '{PROVIDER}' does not exist; "
        "remove the setting, so that the stack creates it"
    ]
    with provider(moto, "someone-else"):
        (line,) = github(moto, provider=PROVIDER)
    assert "does not accept tokens for the audience sts.amazonaws.com" in line
    assert f"--open-id-connect-provider-arn {PROVIDER} --client-id sts.amazonaws.com" in line


STATE = "arn:aws:s3:::example-ml-platform-state"
CERTIFICATE = PLACE.arn("acm", "certificate/6d1f4f4e-3c0a-4a52-9d0c-0b6a5f2f7c11")
ABOUT: dict[str, tuple[str, ...]] = {
    "iam:GetRole": (
        PLACE.iam_arn("role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"),
        PLACE.iam_arn("role/AWSServiceRoleForRDS"),  # as IAM knows one that is not there
        PLACE.iam_arn("role/platform-admin"),
        PLACE.iam_arn("role/vision-leads"),
    ),
    "iam:GetOpenIDConnectProvider": (PROVIDER,),
    "iam:ListOpenIDConnectProviderTags": (PROVIDER,),
    "eks:DescribeCluster": (PLACE.cluster_arn,),
    "servicequotas:GetServiceQuota": (PLACE.arn("servicequotas", "ec2/L-1216C47A"),),
    "kms:DescribeKey": (KEY,),
    "acm:DescribeCertificate": (CERTIFICATE,),
    "s3:GetBucketLocation": (
        STATE,
        *(PLACE.bucket_arn(purpose) for purpose in ("artifacts", "access-logs", "datasets", "replica")),
    ),
    "s3:GetBucketVersioning": (STATE,),
    "identitystore:DescribeGroup": ("arn:aws:identitystore:::group/93842ea2-70b1-4f6e-8a3c-0d2b6f1e7c55",),
}
SERVICES = {"acm", "ec2", "eks", "iam", "identitystore", "kms", "rds", "s3", "servicequotas", "sso"}


@pytest.mark.parametrize("role", ["ci-deploy", "ci-preview"])
def test_the_pipelines_roles_may_ask_all_of_it(moto: Client, role: str) -> None:
    asked = questions(moto)
    assert set(ABOUT) < asked
    assert {action.partition(":")[0] for action in asked} == SERVICES
    default = {"Effect": "Allow", "Principal": {"AWS": PLACE.iam_arn("root")}, "Action": "kms:*", "Resource": "*"}
    policies = {"kms:DescribeKey": {"Version": "2012-10-17", "Statement": [default]}}
    requests = {
        f"{action} of {resource}": prod_role(role).asks(action, resource, resource_policy=policies.get(action))
        for action in asked
        for resource in ABOUT.get(action, ("*",))
    }
    assert allowed(requests) == dict.fromkeys(requests, True)


def test_a_pull_request_reads_neither_other_roles_nor_what_is_in_a_bucket() -> None:
    preview = prod_role("ci-preview")
    refused(
        {
            "another role": (preview.asks("iam:GetRole", PLACE.iam_arn("role/finance")), about_everything),
            "the state": (preview.asks("s3:GetObject", f"{STATE}/.pulumi/stacks/x.json"), may_everything),
            "names of models": (preview.asks("s3:ListBucket", PLACE.bucket_arn("artifacts")), may_everything),
            "another bucket": (preview.asks("s3:GetBucketLocation", "arn:aws:s3:::finance"), about_everything),
            "the key": (preview.asks("kms:Decrypt", KEY, resource_policy=key_policy()), may_everything),
        }
    )


def questions(moto: Client) -> set[str]:
    """What the pre-flight of prod asks, as policies name it; who one is, is told to everybody."""
    asked = {"servicequotas:GetAWSDefaultServiceQuota"}

    def client(service: str, *region: str) -> Any:
        made = moto(service, *region)
        made.meta.events.register("before-call", note)
        return made

    def note(model: Any, **_: object) -> None:
        asked.add(f"{model.service_model.signing_name}:{model.name}")

    prod = validated(PROD)
    aws = prod.foundation.aws
    assert aws is not None and aws.ci is not None
    declared = aws.model_copy(update={"ci": aws.ci.model_copy(update={"provider": PROVIDER})})
    state = "example-ml-platform-state"
    moto("s3").create_bucket(Bucket=state, CreateBucketConfiguration={"LocationConstraint": REGION})
    with provider(moto):
        for each in (aws, declared):
            key = "awskms://alias/ml-platform-state"
            wanted = Wanted(each, prod.node_pools, PLACE.name, secrets_provider=key, certificate=CERTIFICATE)
            examine(client, wanted)
        found = asked - {"sts:GetCallerIdentity"}
    moto("s3").delete_bucket(Bucket=state)
    return found


def test_types_must_be_offered_where_the_pool_is(moto: Client) -> None:
    assert said(zones_offer_the_types(moto, wanted(gpu=pool("g5.xlarge"), odd=pool("g5.xlarge", "x9.huge")))) == [
        "platform.nodePools.odd.aws.instanceTypes: none of eu-central-1a, eu-central-1b offers 'x9.huge'; "
        "declare another type, or set platform.nodePools.odd.aws.zones to zones that offer it"
    ]


def test_nodes_of_the_system_pool_must_be_offered_somewhere(moto: Client) -> None:
    aws = foundation(systemPool={"instanceTypes": ["m7i.xlarge", "x9.huge"]})
    assert said(zones_offer_the_types(moto, wanted(aws))) == [
        "platform.foundation.aws.systemPool.instanceTypes: none of eu-central-1a, eu-central-1b offers 'x9.huge'; "
        "declare another type"
    ]


def test_a_type_in_some_of_the_zones_is_a_warning(stubbed: Callable[..., Client]) -> None:
    places = {"p5.48xlarge": "eu-central-1b", "m7i.xlarge": "eu-central-1a", "m6i.xlarge": "eu-central-1b"}
    offers = [{"InstanceType": name, "Location": zone} for name, zone in places.items()]
    client = stubbed({"ec2": [("describe_instance_type_offerings", None, {"InstanceTypeOfferings": offers})]})
    (finding,) = zones_offer_the_types(client, wanted(h100=pool("p5.48xlarge")))
    assert not finding.blocking
    assert finding.problem == "'p5.48xlarge' is not offered in eu-central-1a"
    assert "zones: [eu-central-1b]" in finding.fix


@pytest.mark.parametrize(
    ("instance_type", "capacity", "code"),
    [
        ("m7i.2xlarge", "onDemand", "L-1216C47A"),
        ("m7i.2xlarge", "spot", "L-34B43A08"),
        ("g6e.xlarge", "onDemand", "L-DB2E81BA"),
        ("g5.2xlarge", "spot", "L-3819A6DF"),
        ("p4d.24xlarge", "onDemand", "L-417A185B"),
        ("p5.48xlarge", "reserved", "L-417A185B"),
        ("p4d.24xlarge", "spot", "L-7212CCBC"),
        ("p5en.48xlarge", "spot", "L-C4BD4855"),
        ("p5.48xlarge", "capacityBlock", None),
        ("trn1.32xlarge", "onDemand", None),
    ],
)
def test_each_family_has_its_quota(instance_type: str, capacity: str, code: str | None) -> None:
    quota = quota_of(instance_type, capacity)
    assert (quota and quota[0]) == code


def test_pools_of_one_family_share_a_quota(moto: Client, stubbed: Callable[..., Client]) -> None:
    limits = {"L-DB2E81BA": 64.0, "L-1216C47A": 16.0}
    answers = [
        ("get_service_quota", {"ServiceCode": "ec2", "QuotaCode": code}, {"Quota": {"Value": limit}})
        for code, limit in limits.items()
    ]
    quotas = stubbed({"service-quotas": answers})
    both = wanted(small=pool("g5.xlarge", "g5.4xlarge", size=3), large=pool("g5.12xlarge"))
    client: Client = lambda service: quotas(service) if service == "service-quotas" else moto(service)  # noqa: E731
    assert said(quotas_suffice(client, both)) == [
        "platform.nodePools.small.max, platform.nodePools.large.max: up to 96 vCPUs, "
        "but the quota 'Running On-Demand G and VT instances' (L-DB2E81BA) is 64; "
        "lower 'max', or run: aws service-quotas request-service-quota-increase --service-code ec2 "
        "--quota-code L-DB2E81BA --desired-value 96 --region eu-central-1",
        "platform.foundation.aws.systemPool.max: up to 24 vCPUs, "
        "but the quota 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances' (L-1216C47A) is 16; "
        "lower 'max', or run: aws service-quotas request-service-quota-increase --service-code ec2 "
        "--quota-code L-1216C47A --desired-value 24 --region eu-central-1",
    ]


def test_a_quota_that_was_never_changed_has_aws_default(moto: Client, stubbed: Callable[..., Client]) -> None:
    quotas = client_of("service-quotas")
    with Stubber(quotas) as stubber:
        stubber.add_client_error("get_service_quota", "NoSuchResourceException")
        stubber.add_response("get_aws_default_service_quota", {"Quota": {"Value": 5.0}})
        stubber.add_response("get_service_quota", {"Quota": {"Value": 1000.0}})
        client: Client = lambda service: quotas if service == "service-quotas" else moto(service)  # noqa: E731
        (finding,) = quotas_suffice(client, wanted(gpu=pool("g5.4xlarge", capacity=["spot"])))
        stubber.assert_no_pending_responses()
    assert "up to 16 vCPUs, but the quota 'All G and VT Spot Instance Requests' (L-3819A6DF) is 5" in str(finding)


def _version(version: str, status: str = "STANDARD_SUPPORT", days: int = 400) -> dict[str, Any]:
    ends = datetime.now(UTC) + timedelta(days=days)
    return {"clusterVersion": version, "versionStatus": status, "endOfStandardSupportDate": ends}


VERSIONS = {
    "clusterVersions": [
        _version("1.35"),
        _version("1.34", days=30),
        _version("1.31", "EXTENDED_SUPPORT", days=-100),
    ]
}


@pytest.mark.parametrize(
    ("version", "policy", "message"),
    [
        ("1.35", "STANDARD", None),
        ("1.34", "STANDARD", "! standard support of '1.34' ends on "),
        ("1.29", "STANDARD", "✗ EKS does not offer '1.29'"),
        (
            "1.31",
            "STANDARD",
            "! '1.31' is in extended support only, and the upgrade policy is STANDARD: EKS upgrades the cluster",
        ),
        ("1.31", "EXTENDED", "! '1.31' is in extended support only, which costs extra"),
    ],
)
def test_what_eks_says_of_the_version(
    stubbed: Callable[..., Client], version: str, policy: str, message: str | None
) -> None:
    """A version that was fine yesterday keeps nobody from deploying today."""
    client = stubbed({"eks": [("describe_cluster_versions", None, VERSIONS)]})
    found = list(version_is_supported(client, wanted(running(version, policy))))
    assert [_marked(finding).startswith(message or "") for finding in found] == ([True] if message else [])
    assert all("; write one of 1.34, 1.35" in str(finding) for finding in found)


def _marked(finding: Finding) -> str:
    assert finding.setting == "platform.foundation.aws.cluster.version"
    return f"{'✗' if finding.blocking else '!'} {finding.problem}"


def running(version: str, policy: str = "STANDARD") -> AwsFoundation:
    cluster = {"version": version, "admins": [f"arn:aws:iam::{ACCOUNT}:role/admin"], "upgradePolicy": policy}
    return foundation(cluster=cluster)


@pytest.mark.parametrize(
    ("there", "declared", "message"),
    [
        ("1.35", "1.35", None),
        ("1.34", "1.35", None),
        (
            "1.35",
            "1.34",
            "✗ the cluster runs '1.35', and an update can't lead back; EKS may have upgraded it by itself",
        ),
        ("1.34", "1.36", "✗ the cluster runs '1.34', and EKS upgrades one minor version at a time"),
    ],
)
def test_the_running_cluster_must_be_able_to_become_the_version(
    stubbed: Callable[..., Client], there: str, declared: str, message: str | None
) -> None:
    """As after an automatic upgrade by EKS."""
    answer = ("describe_cluster", {"name": "ml-platform-prod"}, {"cluster": {"version": there}})
    asked = Wanted(running(declared), {}, "ml-platform-prod")
    found = list(the_cluster_can_become_it(stubbed({"eks": [answer]}), asked))
    assert [_marked(finding).startswith(message or "") for finding in found] == ([True] if message else [])
    assert [finding.fix.partition("'")[2].partition("'")[0] for finding in found] == (["1.35"] if message else [])


def test_a_cluster_that_is_not_there_can_become_any_version(moto: Client) -> None:
    assert list(the_cluster_can_become_it(moto, Wanted(running("1.35"), {}, "ml-platform-new"))) == []


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        ([{"GroupName": "training", "State": "available", "Strategy": "cluster"}], None),
        ([{"GroupName": "training", "State": "available", "Strategy": "spread"}], "has the strategy spread"),
        ([{"GroupName": "training", "State": "deleting", "Strategy": "cluster"}], "does not exist"),
        ([], "does not exist"),
    ],
)
def test_a_placement_group_must_be_there_and_bring_nodes_together(
    stubbed: Callable[..., Client], groups: list[Mapping[str, str]], problem: str | None
) -> None:
    question = {"Filters": [{"Name": "group-name", "Values": ["training"]}]}
    client = stubbed({"ec2": [("describe_placement_groups", question, {"PlacementGroups": groups})]})
    found = list(placement_groups_exist(client, wanted(h100=pool("p5.48xlarge", placementGroup="training"))))
    assert [finding.problem for finding in found] == ([f"'training' {problem}"] if problem else [])


def reservation(**changes: object) -> dict[str, object]:
    return {
        "CapacityReservationId": RESERVATION,
        "InstanceType": "p5.48xlarge",
        "AvailabilityZone": "eu-central-1b",
        "TotalInstanceCount": 2,
        "State": "active",
        "ReservationType": "default",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        (
            {"State": "expired"},
            ["aws.reservation: 'cr-0123456789abcdef0' is expired; reserve again and write the new id"],
        ),
        ({"InstanceType": "p4d.24xlarge"}, ["aws.instanceTypes: 'cr-0123456789abcdef0' is for 'p4d.24xlarge'; "]),
        (
            {"AvailabilityZone": "eu-central-1c"},
            ["aws.zones: 'cr-0123456789abcdef0' is in eu-central-1c; write zones: "],
        ),
        ({"TotalInstanceCount": 1}, ["max: 2 is more than 'cr-0123456789abcdef0' holds (1); write max: 1"]),
        (
            {"PlacementGroupArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:placement-group/training"},
            ["aws.placementGroup: 'cr-0123456789abcdef0' is in the placement group 'training'; write placementGroup: "],
        ),
        (
            {"ReservationType": "capacity-block"},
            ["aws.capacity: 'cr-0123456789abcdef0' is a capacity-block one; write"],
        ),
        (
            {"State": "payment-failed"},
            ["aws.reservation: 'cr-0123456789abcdef0' is payment-failed; reserve again and write the new id"],
        ),
    ],
)
def test_the_reservation_must_serve_the_pool(
    stubbed: Callable[..., Client], changes: Mapping[str, object], expected: list[str]
) -> None:
    findings = _of_reserved(stubbed, changes)
    assert len(findings) == len(expected)
    for finding, beginning in zip(findings, expected, strict=True):
        assert finding.blocking
        assert str(finding).startswith(f"platform.nodePools.h100.{beginning}")


def _of_reserved(
    stubbed: Callable[..., Client], changes: Mapping[str, object], capacity: str = "reserved", **aws: str
) -> list[Finding]:
    """About a pool of two nodes with this reservation."""
    question = {"CapacityReservationIds": [RESERVATION]}
    answer = {"CapacityReservations": [reservation(**changes)]}
    client = stubbed({"ec2": [("describe_capacity_reservations", question, answer)]})
    reserved = pool("p5.48xlarge", capacity=[capacity], reservation=RESERVATION, size=2, **aws)
    return list(reservations_are_active(client, wanted(h100=reserved)))


BLOCK = {"ReservationType": "capacity-block"}
BEGINS = datetime(2030, 1, 2, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"State": "scheduled", "StartDate": BEGINS}, "begins 2030-01-02 11:30 UTC"),
        ({"State": "scheduled", "StartDate": BEGINS, **BLOCK}, "begins 2030-01-02 11:30 UTC"),
        ({"State": "payment-pending", "StartDate": BEGINS, **BLOCK}, "is payment-pending"),
        ({"State": "assessing"}, "is assessing"),
    ],
)
def test_before_a_reservation_begins_its_pool_has_no_nodes_and_nothing_is_blocked(
    stubbed: Callable[..., Client], changes: Mapping[str, object], problem: str
) -> None:
    (finding,) = _of_reserved(stubbed, changes, "capacityBlock" if "ReservationType" in changes else "reserved")
    assert not finding.blocking
    assert str(finding) == (
        f"platform.nodePools.h100.aws.reservation: '{RESERVATION}' {problem}; the pool has no nodes until it is active"
    )


@pytest.mark.parametrize(
    ("changes", "fix"),
    [
        ({}, "remove placementGroup, or reserve again in 'training'"),
        (BLOCK, "remove placementGroup"),
    ],
)
def test_a_placement_group_without_the_reservation_is_a_warning(
    stubbed: Callable[..., Client], changes: Mapping[str, object], fix: str
) -> None:
    capacity = "capacityBlock" if changes else "reserved"
    (finding,) = _of_reserved(stubbed, changes, capacity, placementGroup="training")
    assert not finding.blocking
    assert finding.setting == "platform.nodePools.h100.aws.placementGroup"
    assert finding.problem.startswith(f"'{RESERVATION}' was not made in 'training': ")
    assert finding.fix == fix


def test_a_reservation_of_the_pool_s_placement_group_is_fine(stubbed: Callable[..., Client]) -> None:
    group = {"PlacementGroupArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:placement-group/training"}
    assert _of_reserved(stubbed, group, placementGroup="training") == []
    (finding,) = _of_reserved(stubbed, group, placementGroup="other")
    assert finding.blocking
    assert finding.fix == "write placementGroup: training"


def test_a_reservation_that_is_not_there(moto: Client) -> None:
    ec2 = client_of("ec2")
    with Stubber(ec2) as stubber:
        stubber.add_client_error("describe_capacity_reservations", "InvalidCapacityReservationId.NotFound")
        reserved = pool("p5.48xlarge", capacity=["reserved"], reservation=RESERVATION)
        (finding,) = reservations_are_active(lambda _: ec2, wanted(h100=reserved))
    assert finding.problem == f"'{RESERVATION}' does not exist in eu-central-1 of this account"


def test_what_may_not_be_asked_is_a_warning_that_names_the_permission(moto: Client) -> None:
    found = examine(refusing(moto, "eks", "DescribeClusterVersions"), wanted())
    findings = [finding for finding in found if "version" in finding.problem]
    assert [finding.blocking for finding in findings] == [False]
    assert "could not check that version is supported" in findings[0].problem
    assert findings[0].fix.startswith("allow the caller DescribeClusterVersions")


def test_the_questions_are_asked_at_the_same_time(moto: Client) -> None:
    """Each of these answers comes only when the other question has been asked."""
    both = Barrier(2, timeout=20)

    def answer(**_: object) -> None:
        both.wait()

    for service, operation in (("rds", "DescribeOrderableDBInstanceOptions"), ("eks", "DescribeClusterVersions")):
        moto(service).meta.events.register(f"before-send.*.{operation}", answer)
    examine(moto, wanted())
    assert both.n_waiting == 0 and not both.broken


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


def preflight(project: Path, stack: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command itself, with no settings of AWS but these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    return subprocess.run(
        [sys.executable, "-m", "cli", "preflight", "--stack", stack],
        cwd=project,
        env=inherited | nobody | {"AWS_CONFIG_FILE": "/dev/null"} | settings,
        capture_output=True,
        text=True,
        check=False,
    )


KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def test_without_credentials_it_says_so_and_goes_on(project: Path) -> None:
    done = preflight(project, "prod")
    assert (done.returncode, done.stderr) == (0, "")
    assert "skipped: no credentials" in done.stdout


def test_a_local_stack_has_nothing_to_ask(project: Path) -> None:
    done = preflight(project, "dev", **KEYS)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing to check on the local foundation" in done.stdout


def test_what_is_in_the_way_ends_it(project: Path, endpoint: str) -> None:
    done = preflight(project, "prod", AWS_ENDPOINT_URL=endpoint, AWS_REGION="us-east-1", **KEYS)
    assert done.returncode == 1
    assert "✗ platform.foundation.aws.region: 'eu-central-1' is declared, but $AWS_REGION is" in done.stdout
    assert "failed AWS preflight: 1 blocking finding" in done.stderr


def test_what_nobody_answers_does_not_end_it(project: Path, endpoint: str) -> None:
    done = preflight(project, "prod", AWS_ENDPOINT_URL=endpoint, AWS_MAX_ATTEMPTS="1", **KEYS)
    assert "! platform.foundation.aws: could not check that version is supported" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_an_endpoint_that_does_not_answer_is_one_clear_line(project: Path) -> None:
    done = preflight(project, "prod", AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1", **KEYS)
    assert done.returncode == 1
    assert "failed AWS does not answer" in done.stderr
    assert "Traceback" not in done.stderr
