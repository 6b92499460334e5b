"""How far the pipeline's deploy role gets: it makes the stack, and nothing of what else is in the account gives way."""

from __future__ import annotations

from dataclasses import replace

from tests.engine.iam_evaluator import allowed
from tests.engine.iam_evaluator.prod import FOREIGN_CLUSTER, KEY, PLACE, REGION, TOPIC, WORKSPACE, key_policy, prod_role
from tests.engine.iam_evaluator.secrets import FOREIGN_SECRETS, LOGIN, OWN_DATABASE, reading_secret
from tests.engine.iam_evaluator.weaker import (
    about_everything,
    may_everything,
    refused,
    without_condition,
    without_denials,
)

BOUNDED = "iam:PermissionsBoundary"
WITHIN = {BOUNDED: PLACE.boundary}
NEW_ROLE = PLACE.iam_arn(f"role/{PLACE.name}-new")
DECIDING = [
    f"iam:{action}"
    for action in (
        "AttachRolePolicy",
        "CreateRole",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
    )
]
"""What decides what a role may do."""


def test_a_deploy_makes_and_changes_roles_within_the_boundary_only() -> None:
    deploy = prod_role("ci-deploy")
    requests = {action: deploy.asks(action, NEW_ROLE, WITHIN) for action in DECIDING}
    assert allowed(requests) == dict.fromkeys(requests, True)
    outside = {"without a boundary": {}, "within another one": {BOUNDED: PLACE.iam_arn("policy/wider")}}
    refused(
        {
            f"{action} {what}": (deploy.asks(action, NEW_ROLE, context), without_condition(BOUNDED))
            for action in DECIDING
            for what, context in outside.items()
        }
    )


def test_a_deploy_touches_neither_the_boundary_nor_the_pipeline_even_where_it_may_everything_else() -> None:
    deploy = prod_role("ci-deploy")
    (everything,) = may_everything(deploy.asks("iam:GetRole", NEW_ROLE)).own
    deploy = replace(deploy, own=(*deploy.own, everything))
    own = PLACE.iam_arn(f"role/{deploy.name}")
    versions = ("CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "SetDefaultPolicyVersion")
    attempts = [
        deploy.asks("iam:DeleteRolePermissionsBoundary", NEW_ROLE, WITHIN),
        *(deploy.asks(f"iam:{action}", PLACE.boundary) for action in versions),
        *(deploy.asks(action, own, WITHIN) for action in DECIDING),
        *(deploy.asks(f"iam:{action}", own) for action in ("DeleteRole", "UpdateAssumeRolePolicy")),
    ]
    refused({f"{request.action} {request.resource}": (request, without_denials) for request in attempts})


def test_a_deploy_makes_and_removes_what_monitoring_has_in_the_account() -> None:
    deploy = prod_role("ci-deploy")
    topic = ("CreateTopic", "GetTopicAttributes", "SetTopicAttributes", "TagResource", "DeleteTopic")
    workspace = ("DescribeWorkspace", "UpdateWorkspaceAlias", "DeleteWorkspace")
    requests = {
        "aps:CreateWorkspace": deploy.asks("aps:CreateWorkspace", "*"),
        "kms:CreateGrant": deploy.asks("kms:CreateGrant", KEY, resource_policy=key_policy("metrics")),
        **{f"sns:{action}": deploy.asks(f"sns:{action}", TOPIC) for action in topic},
        **{f"aps:{action}": deploy.asks(f"aps:{action}", WORKSPACE) for action in workspace},
    }
    assert allowed(requests) == dict.fromkeys(requests, True)
    foreign = deploy.asks("sns:DeleteTopic", PLACE.arn("sns", "someone-elses"))
    abroad = deploy.asks("aps:DeleteWorkspace", WORKSPACE, {REGION: "us-east-1"})
    refused(
        {"a foreign topic": (foreign, about_everything), "another region": (abroad, without_condition(REGION))},
    )


STATE = "arn:aws:s3:::example-ml-platform-state"
"""What prod declares as `foundation.aws.ci.stateBucket`."""


def test_a_deploy_keeps_the_state_that_is_there_before_the_stack() -> None:
    deploy, file = prod_role("ci-deploy"), f"{STATE}/.pulumi/stacks/ml-platform/prod.json"
    requests = {
        "lists": deploy.asks("s3:ListBucket", STATE),
        **{action: deploy.asks(f"s3:{action}Object", file) for action in ("Get", "Put", "Delete")},
        **{action: deploy.asks(f"kms:{action}", KEY, None, key_policy()) for action in ("Encrypt", "Decrypt")},
    }
    assert allowed(requests) == dict.fromkeys(requests, True)
    preview = prod_role("ci-preview")
    refused(
        {
            "a pull request reads the state": (preview.asks("s3:GetObject", file), may_everything),
            "the bucket is deleted": (deploy.asks("s3:DeleteBucket", STATE), may_everything),
        }
    )


def test_a_deploy_keeps_to_the_stack() -> None:
    deploy, given = prod_role("ci-deploy"), "iam:PassedToService"
    node = PLACE.iam_arn(f"role/{PLACE.name}-node")
    to_eks = deploy.asks("iam:PassRole", node, {given: "eks.amazonaws.com"})
    assert allowed({"gives EKS its role": to_eks}) == {"gives EKS its role": True}
    refused(
        {
            "a network in another region": (
                deploy.asks("ec2:DeleteVpc", "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1", {REGION: "us-east-1"}),
                without_condition(REGION),
            ),
            "a foreign bucket": (deploy.asks("s3:GetObject", "arn:aws:s3:::someone-else/secret"), about_everything),
            "a foreign role": (deploy.asks("iam:CreateRole", PLACE.iam_arn("role/admin"), WITHIN), about_everything),
            "a role for a service that runs anything": (
                deploy.asks("iam:PassRole", node, {given: "lambda.amazonaws.com"}),
                without_condition(given),
            ),
            "a policy of its own": (deploy.asks("iam:CreatePolicy", PLACE.iam_arn("policy/wide")), may_everything),
        }
    )


def test_a_deploy_makes_and_changes_the_database_the_cluster_and_the_secrets_of_the_stack() -> None:
    deploy = prod_role("ci-deploy")
    database, secret = PLACE.arn("rds", f"db:{PLACE.name}-tracking"), f"secret:{PLACE.name}/vision/token-AbCdEf"
    attempts = [
        *(deploy.asks(f"rds:{action}DBInstance", database) for action in ("Create", "Modify", "Delete")),
        deploy.asks("rds:CreateDBInstance", PLACE.arn("rds", "og:default:postgres-17")),
        *(deploy.asks("rds:CreateDBSnapshot", arn) for arn in (database, PLACE.arn("rds", f"snapshot:{PLACE.name}-x"))),
        deploy.asks("rds:CreateDBSubnetGroup", PLACE.arn("rds", f"subgrp:{PLACE.name}-tracking")),
        deploy.asks("rds:DescribeDBInstances", PLACE.arn("rds", "db:someone-else")),
        deploy.asks("secretsmanager:CreateSecret", PLACE.arn("secretsmanager", "secret:rds!db-1")),
        deploy.asks("secretsmanager:GetSecretValue", PLACE.arn("secretsmanager", secret)),
        deploy.asks("eks:CreateCluster", "*"),
        deploy.asks("eks:DeleteCluster", PLACE.cluster_arn),
        deploy.asks("eks:DeleteAccessEntry", PLACE.arn("eks", f"access-entry/{PLACE.name}/role/1/nodes/0f0f0f0f")),
        deploy.asks("kms:CreateKey", "*"),
        deploy.asks("kms:PutKeyPolicy", KEY, None, key_policy()),
    ]
    requests = {f"{request.action} {request.resource}": request for request in attempts}
    assert allowed(requests) == dict.fromkeys(requests, True)


def test_a_deploy_reads_no_foreign_secret_and_leaves_foreign_databases_and_clusters_alone() -> None:
    deploy, foreign = prod_role("ci-deploy"), PLACE.arn("rds", "db:someone-else")
    snapshot = PLACE.arn("rds", "snapshot:someone-else")
    attempts = {
        **{what: reading_secret("ci-deploy", *secret) for what, secret in FOREIGN_SECRETS.items()},
        "the login of its own database": reading_secret("ci-deploy", LOGIN, OWN_DATABASE),
        "deletes a database": deploy.asks("rds:DeleteDBInstance", foreign),
        "gives a database a new password": deploy.asks("rds:ModifyDBInstance", foreign),
        "copies a database": deploy.asks("rds:RestoreDBInstanceFromDBSnapshot", snapshot),
        "deletes a cluster": deploy.asks("eks:DeleteCluster", FOREIGN_CLUSTER),
        "lets itself into a cluster": deploy.asks("eks:CreateAccessEntry", FOREIGN_CLUSTER),
    }
    refused({what: (request, about_everything) for what, request in attempts.items()})
