"""Nobody may do everything, and not everybody may do anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pulumi_policy import ResourceValidationArgs

from policies.rule import ResourceRule, known, known_items

_DOCUMENTS = ("policy", "assumeRolePolicy")
_EVERYTHING = {"*", "*:*", "iam:*", "sts:*"}
"""Whoever may change all roles, or take on each of them, may do everything."""
_PODS = "pods.eks.amazonaws.com"
_POD_TAGS = tuple(
    f"aws:RequestTag/{tag}" for tag in ("eks-cluster-arn", "kubernetes-namespace", "kubernetes-service-account")
)
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


def _loose_trust(args: ResourceValidationArgs) -> Iterator[str]:
    """Of those who are not of the account: tokens of another issuer, and pods, for which EKS speaks."""
    text = known(args.props, "assumeRolePolicy")
    for statement in _statements(text) if isinstance(text, str) and args.resource_type.startswith("aws:") else []:
        principal = statement.get("Principal")
        kinds = principal if isinstance(principal, dict) else {}
        if "Federated" in kinds:
            wanted: Sequence[str] = (":aud", ":sub")
        elif _PODS in _listed(kinds.get("Service")):
            wanted = _POD_TAGS
        else:
            continue
        exact = _exact_keys(statement)
        for ending in wanted:
            if not any(key.endswith(ending) for key in exact):
                yield f"this trust takes any {ending.lstrip(':')}"


def _exact_keys(statement: dict[str, Any]) -> set[str]:
    """The keys of the request that must have one of certain values, all of which are named whole or in part."""
    conditions = statement.get("Condition") or {}
    return {
        key
        for operator in ("StringEquals", "StringLike")
        for key, values in (conditions.get(operator) or {}).items()
        if values and not any(set(str(value)) <= set("*?") for value in _listed(values))
    }


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
    for action in sorted(_EVERYTHING & {str(each).lower() for each in _listed(statement.get("Action"))}):
        yield f"a statement allows every action ('{action}')"
    if "NotPrincipal" in statement:
        yield "a statement allows everybody but some (NotPrincipal)"
    principal = statement.get("Principal")
    named = principal.values() if isinstance(principal, dict) else [principal]
    if any("*" in _listed(each) for each in named):
        yield "a statement lets everybody in (principal '*')"


def _listed(value: Any) -> list[Any]:  # noqa: ANN401
    return value if isinstance(value, list) else [] if value is None else [value]


def _role_policy(actions: str) -> str:
    return f"""
statement = {{"Effect": "Allow", "Action": "{actions}", "Resource": "arn:aws:s3:::models/*"}}
document = {{"Version": "2012-10-17", "Statement": [statement]}}
aws.iam.RolePolicy(name, role="someone", policy=json.dumps(document), opts=on_aws)
"""


def _trust(*keys: str) -> str:
    return f"""
issuer = "token.actions.githubusercontent.com"
statement = {{
    "Effect": "Allow",
    "Principal": {{"Federated": f"arn:aws:iam::123456789012:oidc-provider/{{issuer}}"}},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {{"StringEquals": {{f"{{issuer}}:{{key}}": f"the {{key}}" for key in {keys!r}}}}},
}}
document = {{"Version": "2012-10-17", "Statement": [statement]}}
aws.iam.Role(name, assume_role_policy=json.dumps(document), opts=on_aws)
"""


RULES = (
    ResourceRule(
        name="no-wildcard-iam",
        reason="IAM policies name who may do what.",
        fix="name the actions and the principals that are needed",
        check=_findings,
        refuses=_role_policy("*"),
        passes=_role_policy("s3:GetObject"),
    ),
    ResourceRule(
        name="trust-with-audience-and-subject",
        reason="A role is taken on by those only whom it names, and for this account only.",
        fix="compare it with StringEquals in the trust's Condition",
        check=_loose_trust,
        refuses=_trust("aud"),
        passes=_trust("aud", "sub"),
    ),
)
