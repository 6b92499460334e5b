"""Least privilege in IAM: no wildcards for actions or principals, and narrow trust policies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pulumi_policy import ResourceValidationArgs

from policies.declared import setting
from policies.rule import ResourceRule, known, known_items

_DOCUMENTS = ("policy", "assumeRolePolicy")
_WILDCARDS = set("*?")
_NAMED_ONE_BY_ONE = {"iam", "kms", "secretsmanager", "sts"}
"""Services for identities, keys and secrets: their actions must be listed without wildcards."""
_NAMED = re.compile(r"[^*?]+|repo:[^*?/]+/.*")
"""Subjects that a trust policy may name: complete ones, or at least the owner of the GitHub repository."""
_PODS = "pods.eks.amazonaws.com"
_POD_TAGS = tuple(
    f"aws:RequestTag/{tag}" for tag in ("eks-cluster-arn", "kubernetes-namespace", "kubernetes-service-account")
)
_ADMINISTRATOR = "AdministratorAccess"


def _findings(args: ResourceValidationArgs) -> Iterator[str]:
    if not args.resource_type.startswith("aws:"):
        return
    account = setting(args.urn, "foundation", "aws", "account")
    for text in _documents(args.props):
        for statement in _statements(text):
            yield from _too_wide(statement, account)
    for arn in [known(args.props, "policyArn"), *known_items(known(args.props, "managedPolicyArns"))]:
        if isinstance(arn, str) and arn.endswith(f"/{_ADMINISTRATOR}"):
            yield f"policy '{_ADMINISTRATOR}' allows every action"


def _loose_trust(args: ResourceValidationArgs) -> Iterator[str]:
    """Trust in principals outside the account: tokens of an OIDC provider, and EKS Pod Identity."""
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
                yield f"this trust policy accepts any {ending.lstrip(':')}"


def _exact_keys(statement: dict[str, Any]) -> set[str]:
    """The condition keys that a statement restricts to certain values."""
    conditions = statement.get("Condition") or {}
    patterns = conditions.get("StringLike") or {}
    return {*(conditions.get("StringEquals") or {}), *(key for key, values in patterns.items() if _all_named(values))}


def _all_named(patterns: Any) -> bool:
    return bool(patterns) and all(_NAMED.fullmatch(str(each)) for each in _listed(patterns))


def _documents(props: Any) -> Iterator[str]:
    inline = [known(each, "policy") for each in known_items(known(props, "inlinePolicies"))]
    for text in [*(known(props, name) for name in _DOCUMENTS), *inline]:
        if isinstance(text, str):
            yield text


def _statements(text: str) -> list[dict[str, Any]]:
    """The Allow statements of a policy document; none if the text is not one."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    statements = _listed(found.get("Statement")) if isinstance(found, dict) else []
    return [each for each in statements if isinstance(each, dict) and each.get("Effect") == "Allow"]


def _too_wide(statement: dict[str, Any], account: Any) -> Iterator[str]:
    if "NotAction" in statement:
        yield "a statement allows all actions except some (NotAction)"
    if not _hands_key_to_account(statement, account):
        yield from _patterns(statement)
    if "NotPrincipal" in statement:
        yield "a statement allows all principals except some (NotPrincipal)"
    principal = statement.get("Principal")
    named = principal.values() if isinstance(principal, dict) else [principal]
    if any("*" in _listed(each) for each in named) and not _of_account(statement, account):
        yield "a statement allows every principal ('*'), not only those of the declared account"


def _of_account(statement: dict[str, Any], account: Any) -> bool:
    """Whether a condition restricts the principals to the declared account."""
    accounts = _listed((statement.get("Condition") or {}).get("StringEquals", {}).get("aws:PrincipalAccount"))
    return bool(accounts) and all(each == account for each in accounts)


def _patterns(statement: dict[str, Any]) -> Iterator[str]:
    for action in map(str, _listed(statement.get("Action"))):
        service, _, name = action.lower().partition(":")
        if set(service) & _WILDCARDS:
            yield f"a statement allows actions of every service ('{action}')"
        elif service in _NAMED_ONE_BY_ONE and set(name) & _WILDCARDS:
            yield f"a statement allows actions by a wildcard ('{action}')"
        elif set(name) <= _WILDCARDS and _about_everything(statement) and not statement.get("Condition"):
            yield f"a statement allows every action of a service on all resources ('{action}')"


def _hands_key_to_account(statement: dict[str, Any], account: Any) -> bool:
    """The default first statement of a key policy, which delegates access to the declared account's IAM policies."""
    principal, actions = statement.get("Principal"), _listed(statement.get("Action"))
    owners = _listed(principal.get("AWS")) if isinstance(principal, dict) and set(principal) == {"AWS"} else []
    return actions == ["kms:*"] and bool(owners) and all(str(each).endswith(f":iam::{account}:root") for each in owners)


def _about_everything(statement: dict[str, Any]) -> bool:
    resources = (str(each).split(":", 5)[-1] for each in _listed(statement.get("Resource")))
    return "NotResource" in statement or any(set(each) <= _WILDCARDS for each in resources)


def _listed(value: Any) -> list[Any]:
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
        reason="IAM policies list actions and principals without wildcards.",
        fix="list the actions and principals that are needed",
        check=_findings,
        refuses=_role_policy("*"),
        passes=_role_policy("s3:GetObject"),
    ),
    ResourceRule(
        name="trust-with-audience-and-subject",
        reason="Trust policies name who may assume a role, and restrict it to this account.",
        fix="compare it with StringEquals in the trust's Condition",
        check=_loose_trust,
        refuses=_trust("aud"),
        passes=_trust("aud", "sub"),
    ),
)
