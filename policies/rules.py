"""All policies."""

from __future__ import annotations

from policies import budgets, ceilings, data, encryption, iam, namespaces, pods, public, rbac, services, tags
from policies.rule import Rule

RULES: tuple[Rule, ...] = (
    *ceilings.RULES,
    *budgets.RULES,
    *pods.RULES,
    *services.RULES,
    *namespaces.RULES,
    *rbac.RULES,
    *iam.RULES,
    *data.RULES,
    *encryption.RULES,
    *public.RULES,
    *tags.RULES,
)
