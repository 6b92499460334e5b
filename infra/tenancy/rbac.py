"""RBAC rules in short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

Rule = tuple[str, Sequence[str], Sequence[str]]
"""API group, resources, verbs."""
READ = ("get", "list", "watch")


def policy_rules(rules: Iterable[Rule]) -> list[PolicyRuleArgs]:
    """As the API has them."""
    return [
        PolicyRuleArgs(api_groups=[group], resources=list(resources), verbs=list(verbs))
        for group, resources, verbs in rules
    ]
