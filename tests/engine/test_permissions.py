"""How far whoever has taken on a role of the prod stack gets: requests, decided by IAM's own rules."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.engine.deploy_role.things import OWN
from tests.engine.iam_evaluator import Context, Request, allowed
from tests.engine.iam_evaluator.prod import (
    FOREIGN_CLUSTER,
    KEY,
    PLACE,
    REGION,
    TOPIC,
    WORKSPACE,
    bucket_policy,
    key_policy,
    prod_role,
    stack,
    topic_policy,
)
from tests.engine.iam_evaluator.secrets import FOREIGN_SECRETS, LOGIN, OWN_DATABASE, reading_secret
from tests.engine.iam_evaluator.weaker import (
    about_everything,
    may_everything,
    refused,
    unbounded,
    without_condition,
    without_denials,
)
from tests.unit.components.recorder import created

WRITERS = {"ml-platform-tracking": "models"}
"""In the artifact store; a team's pods reach models through the tracking server only."""
READERS = {"vision-training-digits-gpu": "vision/imagenet"}
"""In the bucket for datasets."""
PREFIXES = WRITERS | READERS


INSIDE = {"aws:SourceVpce": "datasets-id"}
"""By the recorder's endpoint for datasets."""


def purpose(name: str) -> str:
    return "artifacts" if name in WRITERS else "datasets"


def on_object(name: str, action: str, prefix: str, context: Context | None = None) -> Request:
    """Something that is done to a file below a prefix."""
    key = f"{PLACE.bucket_arn(purpose(name))}/{prefix}/1/model.onnx"
    return prod_role(name).asks(action, key, {**INSIDE, **(context or {})}, bucket_policy(purpose(name)))


def listing(name: str, prefix: str | None) -> Request:
    """A list of what is below a prefix, or of everything."""
    context = {**INSIDE, **({"s3:prefix": prefix} if prefix else {})}
    bucket = PLACE.bucket_arn(purpose(name))
    return prod_role(name).asks("s3:ListBucket", bucket, context, bucket_policy(purpose(name)))


def key_use(purpose: str, through: str | None = "s3.eu-central-1.amazonaws.com") -> Context:
    """How a key is asked for."""
    via = {"kms:ViaService": through} if through else {}
    return {"kms:ResourceAliases": [PLACE.key_alias(purpose)], **via}


def reading(name: str, prefix: str) -> dict[str, Request]:
    """All that it takes."""
    return {
        "s3:GetObject": on_object(name, "s3:GetObject", prefix),
        "s3:ListBucket": listing(name, f"{prefix}/1"),
        "kms:Decrypt": prod_role(name).asks("kms:Decrypt", KEY, key_use(purpose(name)), key_policy(purpose(name))),
    }


def writing(name: str, prefix: str) -> dict[str, Request]:
    """All that it takes."""
    return {
        "s3:PutObject": on_object(name, "s3:PutObject", prefix),
        "s3:DeleteObject": on_object(name, "s3:DeleteObject", prefix),
        "kms:GenerateDataKey": prod_role(name).asks(
            "kms:GenerateDataKey", KEY, key_use(purpose(name)), key_policy(purpose(name))
        ),
    }


def every(requests: Mapping[str, Mapping[str, Request]]) -> dict[str, Request]:
    return {f"{action} by {name}": each for name, actions in requests.items() for action, each in actions.items()}


def test_every_workload_reads_its_own_prefix() -> None:
    requests = every({name: reading(name, own) for name, own in PREFIXES.items()})
    assert allowed(requests) == dict.fromkeys(requests, True)


def test_the_tracking_server_writes_its_own_prefix_and_a_job_writes_nothing() -> None:
    requests = every({name: writing(name, own) for name, own in WRITERS.items()})
    assert allowed(requests) == dict.fromkeys(requests, True)
    attempts = every({name: writing(name, own) for name, own in READERS.items()})
    refused({what: (request, may_everything) for what, request in attempts.items()})


@pytest.mark.parametrize("name", PREFIXES)
def test_a_workload_reaches_nothing_of_a_sibling(name: str) -> None:
    own = PREFIXES[name]
    others = sorted({"vision", "speech", f"{own}-2", "elsewhere", *PREFIXES.values()} - {own})
    actions = ["s3:GetObject", *(["s3:PutObject", "s3:DeleteObject"] if name in WRITERS else [])]
    refused(
        {
            f"{action} of {prefix}": (on_object(name, action, prefix), about_everything)
            for prefix in others
            for action in actions
        }
    )
    lists = [*(f"{prefix}/" for prefix in others), own, None]
    refused({f"a list of {prefix}": (listing(name, prefix), without_condition("s3:prefix")) for prefix in lists})


def test_the_bucket_and_its_key_are_used_in_one_way_only() -> None:
    name = "vision-training-digits-gpu"
    role, own = prod_role(name), PREFIXES[name]
    refused(
        {
            "without TLS": (on_object(name, "s3:GetObject", own, {"aws:SecureTransport": "false"}), without_denials),
            "the key without S3": (
                role.asks("kms:Decrypt", KEY, key_use("datasets", through=None), key_policy("datasets")),
                without_condition("kms:ViaService"),
            ),
            "the key of another purpose": (
                role.asks("kms:Decrypt", KEY, key_use("database"), key_policy("datasets")),
                without_condition("kms:ResourceAliases"),
            ),
        }
    )


def test_only_the_tracking_server_reads_the_login_of_its_database() -> None:
    asked = {name: reading_secret(name, LOGIN, OWN_DATABASE) for name in PREFIXES}
    assert allowed({"tracking": asked.pop("ml-platform-tracking")}) == {"tracking": True}
    refused({name: (request, may_everything) for name, request in asked.items()})


PROMETHEUS, ALERTMANAGER = "ml-platform-prometheus", "ml-platform-alertmanager"


def test_prometheus_adds_to_its_workspace_and_does_nothing_else_there() -> None:
    prometheus, alertmanager = prod_role(PROMETHEUS), prod_role(ALERTMANAGER)
    assert allowed({"own": prometheus.asks("aps:RemoteWrite", WORKSPACE, OWN)}) == {"own": True}
    refused(
        {
            "another workspace": (
                prometheus.asks("aps:RemoteWrite", PLACE.arn("aps", "workspace/ws-2"), OWN),
                about_everything,
            ),
            "by Alertmanager": (alertmanager.asks("aps:RemoteWrite", WORKSPACE, OWN), may_everything),
            "reading": (
                prometheus.asks("aps:QueryMetrics", WORKSPACE),
                lambda request: unbounded(may_everything(request)),
            ),
        }
    )


def test_alertmanager_publishes_to_the_stack_s_topics_and_uses_their_key_for_nothing_else() -> None:
    prometheus, alertmanager = prod_role(PROMETHEUS), prod_role(ALERTMANAGER)
    through = key_use("alerts", "sns.eu-central-1.amazonaws.com")
    elsewhere = {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}
    own = {
        "publish": alertmanager.asks("sns:Publish", TOPIC, resource_policy=topic_policy()),
        "encrypt": alertmanager.asks("kms:GenerateDataKey", KEY, through, key_policy("alerts")),
        "decrypt": alertmanager.asks("kms:Decrypt", KEY, through, key_policy("alerts")),
    }
    assert allowed(own) == dict.fromkeys(own, True)
    without_tls = alertmanager.asks("sns:Publish", TOPIC, {"aws:SecureTransport": "false"}, topic_policy())
    refused(
        {
            "another topic": (alertmanager.asks("sns:Publish", f"{TOPIC}-2"), about_everything),
            "by Prometheus": (prometheus.asks("sns:Publish", TOPIC), may_everything),
            "without TLS": (without_tls, without_denials),
            "a key of another purpose": (
                alertmanager.asks("kms:Decrypt", KEY, {**through, **key_use("secrets", None)}, key_policy("alerts")),
                without_condition("kms:ResourceAliases"),
            ),
            "the key through S3": (
                alertmanager.asks("kms:Decrypt", KEY, {**through, **elsewhere}, key_policy("alerts")),
                without_condition("kms:ViaService"),
            ),
        }
    )


def test_no_role_of_the_stack_makes_users_or_their_keys() -> None:
    user = PLACE.iam_arn("user/someone")
    refused(
        {
            f"{action} by {name}": (
                prod_role(name).asks(action, user),
                lambda request: unbounded(may_everything(request)),
            )
            for name in created(stack(), "aws:iam/role:Role")
            for action in ("iam:CreateUser", "iam:CreateAccessKey")
        }
    )


@pytest.mark.parametrize("way", [None, "vpce-of-someone-else"])
def test_the_credentials_of_a_pod_read_no_dataset_from_elsewhere(way: str | None) -> None:
    for name, prefix in READERS.items():
        key, context = f"{PLACE.bucket_arn('datasets')}/{prefix}/1", {"aws:SourceVpce": way} if way else {}
        outside = prod_role(name).asks("s3:GetObject", key, context, bucket_policy("datasets"))
        refused({name: (outside, without_condition("aws:SourceVpce"))})


def test_the_boundary_holds_even_where_a_role_may_everything() -> None:
    role = prod_role("ml-platform-tracking")
    own, new = (PLACE.iam_arn(f"role/{name}") for name in (role.name, f"{PLACE.name}-new"))
    attempts = {
        "make a role": role.asks("iam:CreateRole", new),
        "give itself more": role.asks("iam:PutRolePolicy", own),
        "go out of the boundary": role.asks("iam:DeleteRolePermissionsBoundary", own),
        "change the boundary": role.asks("iam:CreatePolicyVersion", PLACE.boundary),
        "take on another role": role.asks("sts:AssumeRole", PLACE.iam_arn("role/admin")),
        "read a foreign bucket": role.asks("s3:GetObject", "arn:aws:s3:::someone-else/secret"),
        "use a key in another region": role.asks("kms:Decrypt", KEY, {REGION: "us-east-1"}, key_policy()),
        "change a foreign cluster": role.asks("eks:CreateAccessEntry", FOREIGN_CLUSTER),
        "change who uses a key": role.asks("kms:PutKeyPolicy", KEY, key_use("artifacts"), key_policy()),
        "change a secret": role.asks("secretsmanager:PutSecretValue", PLACE.arn("secretsmanager", "secret:x-AbCdEf")),
    }
    reads = {what: reading_secret("ml-platform-tracking", *secret) for what, secret in FOREIGN_SECRETS.items()}
    refused({what: (may_everything(request), unbounded) for what, request in (attempts | reads).items()})


def test_within_the_boundary_a_role_may_what_the_stack_needs() -> None:
    role = prod_role("ml-platform-tracking")
    requests = {
        "the login of its database": reading_secret("ml-platform-tracking", LOGIN, OWN_DATABASE),
        "its cluster": may_everything(role.asks("eks:DescribeCluster", PLACE.cluster_arn)),
        "its disks' key": may_everything(role.asks("kms:CreateGrant", KEY, key_use("disks"), key_policy())),
    }
    assert allowed(requests) == dict.fromkeys(requests, True)


def test_objects_are_replicated_to_the_second_region_and_nowhere_else() -> None:
    role, replica = prod_role("replication"), f"{PLACE.bucket_arn('replica')}/models/1"
    there = {REGION: "eu-west-1", **key_use("backup", "s3.eu-west-1.amazonaws.com")}
    own = {
        "reads": role.asks("s3:GetObjectVersionForReplication", f"{PLACE.bucket_arn('artifacts')}/models/1"),
        "decrypts": role.asks("kms:Decrypt", KEY, key_use("artifacts"), key_policy("artifacts")),
        "writes": role.asks("s3:ReplicateObject", replica, {REGION: "eu-west-1"}),
        "encrypts": role.asks("kms:Encrypt", KEY.replace(PLACE.region, "eu-west-1"), there, key_policy("backup")),
    }
    assert allowed(own) == dict.fromkeys(own, True)
    refused(
        {
            "the replica is read": (
                role.asks("s3:GetObject", replica),
                lambda request: unbounded(may_everything(request)),
            ),
            "another bucket": (
                role.asks("s3:ReplicateObject", "arn:aws:s3:::someone-else/1"),
                lambda request: unbounded(about_everything(request)),
            ),
            "a key that is not of the second region": (
                role.asks("kms:Encrypt", KEY, key_use("artifacts"), key_policy("artifacts")),
                may_everything,
            ),
        }
    )
