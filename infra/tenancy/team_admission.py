"""Rules about objects of teams that depend on who changes them, as a ValidatingAdmissionPolicy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.admissionregistration.v1 import (
    MatchConditionArgs,
    MatchResourcesArgs,
    NamedRuleWithOperationsArgs,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpecArgs,
    ValidatingAdmissionPolicySpecArgs,
    ValidationArgs,
    VariableArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, LabelSelectorRequirementArgs, ObjectMetaArgs

from infra.catalogue.images import JOBSET
from infra.catalogue.names import PLATFORM_LABEL, TEAM_LABEL, labels


@dataclass(frozen=True)
class TeamRule:
    """`holds` is a CEL expression about `object`, `oldObject` and `variables`, true of objects that are admitted."""

    name: str
    holds: str
    message: str
    """What is wrong, and what to write instead."""
    variables: Mapping[str, str]
    """CEL expressions by name."""
    resource: tuple[str, str, str] = ("batch", "v1", "jobs")
    """API group, version and plural: what it is about."""
    applies: str = ""
    """A CEL expression about the `request`; none: to all that do not come from JobSet's controller."""


def job_set_account(platform: str) -> str:
    """The user as which JobSet's controller creates Jobs."""
    return account_of(JOBSET, platform)


def account_of(program: str, platform: str) -> str:
    """The user as which a program of the platform's own namespace calls the API server."""
    return f"system:serviceaccount:{platform}:{program}"


def enforce(rule: TeamRule, platform: str, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """For all teams of a platform."""
    name = f"{platform}-{rule.name}"
    metadata = ObjectMetaArgs(name=name, labels=labels(rule.name, "admission"))
    applies = rule.applies or f"request.userInfo.username != '{job_set_account(platform)}'"
    group, version, resource = rule.resource
    matched = NamedRuleWithOperationsArgs(
        api_groups=[group], api_versions=[version], operations=["CREATE", "UPDATE"], resources=[resource]
    )
    policy = ValidatingAdmissionPolicy(
        rule.name,
        metadata=metadata,
        spec=ValidatingAdmissionPolicySpecArgs(
            failure_policy="Fail",
            match_constraints=MatchResourcesArgs(resource_rules=[matched]),
            match_conditions=[MatchConditionArgs(name="others", expression=applies)],
            variables=[VariableArgs(name=name, expression=expression) for name, expression in rule.variables.items()],
            validations=[ValidationArgs(expression=rule.holds, message=rule.message, reason="Forbidden")],
        ),
        opts=opts,
    )
    teams = LabelSelectorArgs(
        match_labels={PLATFORM_LABEL: platform},
        match_expressions=[LabelSelectorRequirementArgs(key=TEAM_LABEL, operator="Exists")],
    )
    binding = ValidatingAdmissionPolicyBinding(
        rule.name,
        metadata=metadata,
        spec=ValidatingAdmissionPolicyBindingSpecArgs(
            policy_name=name,
            validation_actions=["Deny"],
            match_resources=MatchResourcesArgs(namespace_selector=teams),
        ),
        opts=opts,
    )
    return [policy, binding]
