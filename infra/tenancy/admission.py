"""The rules about pods as ValidatingAdmissionPolicies, which the API server enforces."""

from __future__ import annotations

import json
import re
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

from infra.catalogue.names import DOMAIN, PLATFORM_LABEL, PROJECT, labels
from infra.catalogue.pod_exceptions import Exceptions
from infra.catalogue.pod_rules import KINDS, POD_RULES, VARIABLES, PodRule

_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_CHANGED = MatchConditionArgs(
    name="changed", expression="request.operation == 'CREATE' || object.spec != oldObject.spec"
)
"""Skips updates of metadata only: existing pods that violate a newer rule can still be finalized."""


@dataclass(frozen=True)
class AdmissionArgs:
    """Policies are cluster-scoped; the name of the `platform`'s namespace is part of theirs."""

    platform: str
    registry: pulumi.Input[str]
    """The prefix of the stack's repositories, the only ones that images are admitted from."""
    exceptions: Exceptions


class Admission(pulumi.ComponentResource):
    """One policy per rule, bound to the namespaces of the stack, except those with a declared exception."""

    def __init__(self, name: str, args: AdmissionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Admission", name, None, opts)
        registry = pulumi.Output.from_input(args.registry).apply(lambda server: f"r'{re.escape(server)}'")
        for rule in POD_RULES:
            self._policy(rule, args, registry)
            self._binding(rule, args)
        self.register_outputs({})

    def _policy(self, rule: PodRule, args: AdmissionArgs, registry: pulumi.Output[str]) -> None:
        variables = [
            VariableArgs(name="registry", expression=registry),
            *(VariableArgs(name=name, expression=expression) for name, expression in VARIABLES.items()),
            VariableArgs(name="offenders", expression=rule.offenders),
        ]
        ValidatingAdmissionPolicy(
            rule.name,
            metadata=_metadata(rule, args),
            spec=ValidatingAdmissionPolicySpecArgs(
                failure_policy="Fail",
                match_constraints=MatchResourcesArgs(resource_rules=_matched(rule)),
                match_conditions=[_CHANGED],
                variables=variables,
                validations=[_validation(rule)],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _binding(self, rule: PodRule, args: AdmissionArgs) -> None:
        excepted = args.exceptions.get(rule.name, {})
        others = LabelSelectorRequirementArgs(key=_NAMESPACE_LABEL, operator="NotIn", values=sorted(excepted))
        ValidatingAdmissionPolicyBinding(
            rule.name,
            metadata=_metadata(rule, args, {f"{DOMAIN}/exceptions": json.dumps(excepted)} if excepted else None),
            spec=ValidatingAdmissionPolicyBindingSpecArgs(
                policy_name=_name(rule, args),
                validation_actions=["Deny"],
                match_resources=MatchResourcesArgs(
                    namespace_selector=LabelSelectorArgs(
                        match_labels={PLATFORM_LABEL: args.platform}, match_expressions=[others] if excepted else None
                    )
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _metadata(rule: PodRule, args: AdmissionArgs, annotations: dict[str, str] | None = None) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=_name(rule, args), labels=labels(rule.name, "admission"), annotations=annotations)


def _validation(rule: PodRule) -> ValidationArgs:
    complaint = f"{rule.message}; {rule.fix}"
    return ValidationArgs(
        expression="variables.offenders.size() == 0",
        message=complaint,
        message_expression=f"variables.offenders.join(', ') + {json.dumps(f': {complaint}')}",
        reason="Forbidden",
    )


def _name(rule: PodRule, args: AdmissionArgs) -> str:
    return f"{args.platform}-{rule.name}"


def _matched(rule: PodRule) -> list[NamedRuleWithOperationsArgs]:
    """One entry per API group."""
    return [
        NamedRuleWithOperationsArgs(
            api_groups=[group],
            api_versions=["v1"],
            operations=["CREATE", "UPDATE"],
            resources=[resource for kind in rule.kinds if KINDS[kind] == group for resource in _resources(kind)],
        )
        for group in sorted(set(rule.kinds.values()))
    ]


def _resources(kind: str) -> list[str]:
    """Resource names of a kind; debug containers use a subresource."""
    plural = f"{kind.lower()}s"
    return [plural, "pods/ephemeralcontainers"] if kind == "Pod" else [plural]
