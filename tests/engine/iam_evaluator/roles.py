"""The roles that a program makes, as requests meet them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from infra.foundation.aws.context import AwsContext
from tests.engine.iam_evaluator import Context, Policy, Request
from tests.unit.components.recorder import Recorder, inputs

_ROLE = "aws:iam/role:Role"
_ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
_POLICY = "aws:iam/policy:Policy"


@dataclass(frozen=True)
class Role:
    """Who may take it on, and what it may do then."""

    place: AwsContext
    name: str
    trust: Policy
    own: tuple[Policy, ...]
    boundary: Policy | None

    def assumed_by(self, principal: str, context: Context, action: str = "sts:AssumeRole") -> Request:
        """Someone takes it on."""
        arn = self.place.iam_arn(f"role/{self.name}")
        return Request(principal, action, arn, self.place.account, context, resource_policy=self.trust)

    def asks(
        self, action: str, resource: str, context: Context | None = None, resource_policy: Policy | None = None
    ) -> Request:
        """Whoever has taken it on does something; over TLS and in the stack's region, unless `context` differs."""
        place = self.place
        return Request(
            f"arn:{place.partition}:sts::{place.account}:assumed-role/{self.name}/session",
            action,
            resource,
            place.account,
            {"aws:RequestedRegion": place.region, "aws:SecureTransport": "true", **(context or {})},
            self.own,
            self.boundary,
            resource_policy,
        )


def role(stack: Recorder, place: AwsContext, name: str) -> Role:
    """One with the stack's own policies, inline and attached; what AWS's managed ones say is not known here."""
    declared = inputs(stack, _ROLE, name)
    inline = [each.inputs for each in stack.resources if each.type == _ROLE_POLICY]
    attached = [each.inputs for each in stack.resources if each.type == _ATTACHMENT]
    policies = {f"arn:Policy/{each.name}": each.inputs for each in stack.resources if each.type == _POLICY}
    own = [each for each in inline if each["role"] == declared["name"]]
    named = [each["policyArn"] for each in attached if each["role"] == declared["name"]]
    return Role(
        place,
        declared["name"],
        json.loads(declared["assumeRolePolicy"]),
        tuple(json.loads(each["policy"]) for each in [*own, *(policies[arn] for arn in named if arn in policies)]),
        _boundary(stack, place, declared.get("permissionsBoundary")),
    )


def _boundary(stack: Recorder, place: AwsContext, arn: str | None) -> Policy | None:
    if arn is None:
        return None
    policies = (each.inputs for each in stack.resources if each.type == _POLICY)
    (text,) = (each["policy"] for each in policies if place.iam_arn(f"policy/{each['name']}") == arn)
    return dict(json.loads(text))
