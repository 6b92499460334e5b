"""The pipeline can create, change and delete whatever the prod stack has in AWS, by IAM's own rules."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.engine.deploy_role.calls import BY_AN_ADMINISTRATOR, CALLS
from tests.engine.iam_evaluator import allowed
from tests.engine.iam_evaluator.prod import PLACE, prod_role, stack

TYPES = sorted({each.type for each in stack().resources if each.type.startswith("aws:")})
NAMED = {
    "aws:ecr/repository:Repository": ("name", "ecr", "repository/{}"),
    "aws:cloudwatch/logGroup:LogGroup": ("name", "logs", "log-group:{}"),
    "aws:rds/instance:Instance": ("identifier", "rds", "db:{}"),
    "aws:rds/parameterGroup:ParameterGroup": ("name", "rds", "pg:{}"),
    "aws:rds/subnetGroup:SubnetGroup": ("name", "rds", "subgrp:{}"),
    "aws:secretsmanager/secret:Secret": ("name", "secretsmanager", "secret:{}"),
    "aws:sns/topic:Topic": ("name", "sns", "{}"),
    "aws:kms/alias:Alias": ("name", "kms", "{}"),
}
"""Types whose permissions are by name: the property, and the ARN that it makes."""


def test_every_type_of_resource_is_known() -> None:
    unknown = sorted(set(TYPES) - set(CALLS) - set(BY_AN_ADMINISTRATOR))
    assert not unknown, f"add them to CALLS in tests/engine/deploy_role/calls.py, and allow the calls: {unknown}"


@pytest.mark.parametrize("type_", TYPES)
def test_a_deploy_makes_every_type_of_resource_of_the_stack(type_: str) -> None:
    deploy, wanted = prod_role("ci-deploy"), CALLS.get(type_, [])
    requests = {
        f"{call.action} on {call.resource} with {dict(call.context)}": deploy.asks(
            call.action, call.resource, call.context, call.resource_policy
        )
        for call in wanted
    }
    refused = [what for what, passed in allowed(requests).items() if not passed]
    assert not refused, "the deploy role may not: " + "; ".join(refused)


def test_the_names_of_all_resources_are_among_those_that_the_role_may_change() -> None:
    resources = [resource for statement in _allowing() for resource in _listed(statement["Resource"])]
    missing = [
        f"{each.type} {each.name}"
        for each in stack().resources
        if each.type in NAMED
        for key, service, pattern in [NAMED[each.type]]
        if not any(fnmatchcase(PLACE.arn(service, pattern.format(each.inputs[key])), name) for name in resources)
    ]
    buckets = [each.inputs["bucket"] for each in stack().resources if each.type == "aws:s3/bucket:Bucket"]
    missing += [name for name in buckets if f"arn:aws:s3:::{name}" not in resources]
    assert not missing, f"the deploy role may not change: {missing}"


def _allowing() -> list[dict[str, Any]]:
    """Statements that give permissions by name."""
    statements = [each for policy in prod_role("ci-deploy").own for each in json.loads(json.dumps(policy))["Statement"]]
    return [each for each in statements if each["Effect"] == "Allow" and "*" not in _listed(each["Resource"])]


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
