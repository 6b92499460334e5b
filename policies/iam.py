"""Nobody may do everything, and not everybody may do anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pulumi_policy import ResourceValidationArgs

from policies.rule import Rule, known, known_items

_DOCUMENTS = ("policy", "assumeRolePolicy")
_EVERYTHING = {"*", "*:*"}
_ADMINISTRATOR = "AdministratorAccess"


def _findings(args: ResourceValidationArgs) -> Iterator[str]:
    if not args.resource_type.startswith("aws:"):
        return
    for text in _documents(args.props):
        for statement in _statements(text):
            yield from _too_wide(statement)
    for arn in [known(args.props, "policyArn"), *known_items(known(args.props, "managedPolicyArns"))]:
        if isinstance(arn, str) and arn.endswith(f"/{_ADMINISTRATOR}"):
            yield f"policy '{_ADMINISTRATOR}' allows every action"


def _documents(props: Any) -> Iterator[str]:  # noqa: ANN401
    inline = [known(each, "policy") for each in known_items(known(props, "inlinePolicies"))]
    for text in [*(known(props, name) for name in _DOCUMENTS), *inline]:
        if isinstance(text, str):
            yield text


def _statements(text: str) -> list[dict[str, Any]]:
    """What allows something; other texts that happen to be called a policy have none."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    statements = _listed(found.get("Statement")) if isinstance(found, dict) else []
    return [each for each in statements if isinstance(each, dict) and each.get("Effect") == "Allow"]


def _too_wide(statement: dict[str, Any]) -> Iterator[str]:
    if "NotAction" in statement:
        yield "a statement allows everything but some actions (NotAction)"
    if _EVERYTHING & set(_listed(statement.get("Action"))):
        yield "a statement allows every action ('*')"
    if "NotPrincipal" in statement:
        yield "a statement allows everybody but some (NotPrincipal)"
    principal = statement.get("Principal")
    named = principal.values() if isinstance(principal, dict) else [principal]
    if any("*" in _listed(each) for each in named):
        yield "a statement lets everybody in (principal '*')"


def _listed(value: Any) -> list[Any]:  # noqa: ANN401
    return value if isinstance(value, list) else [] if value is None else [value]


RULE = Rule(
    name="no-wildcard-iam",
    reason="IAM policies name who may do what.",
    fix="name the actions and the principals that are needed",
    check=_findings,
    refuses="""
import json
import pulumi
import pulumi_aws as aws

document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
provider = aws.Provider("aws", region="eu-central-1")
aws.iam.RolePolicy(
    "bad", role="someone", policy=json.dumps(document), opts=pulumi.ResourceOptions(provider=provider)
)
""",
)
