"""Exceptions from the pod rules, and limits on the size and the cost of a stack, with the rules for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from infra.catalogue.pod_rules import POD_RULES
from infra.declaration.pools import NodePool, most_gpus
from infra.declaration.problems import Problem, suggestion
from infra.declaration.types import Name, Settings

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_RULES = tuple(rule.name for rule in POD_RULES)
_LEAST_WORDS = 3
"""Each with a letter or digit."""
_REASON = r"\w\S*(\s+\S*\w\S*){2,}"
"""The same for editors; a search would be slow in long texts."""


def _rule(value: str) -> str:
    if value not in _RULES:
        raise ValueError(f"{value!r} is not a pod rule{suggestion(value, _RULES)}")
    return value


def _reason(value: object) -> str:
    words = [word for word in value.split() if re.search(r"\w", word)] if isinstance(value, str) else []
    if not isinstance(value, str) or len(words) < _LEAST_WORDS:
        raise ValueError("an exception needs a reason; write in three words or more what needs it and who approved it")
    return value


Rule = Annotated[str, AfterValidator(_rule), WithJsonSchema({"type": "string", "enum": list(_RULES)})]
Reason = Annotated[str, BeforeValidator(_reason), WithJsonSchema({"type": "string", "pattern": _REASON})]


class Policy(Settings):
    """Exceptions from the policy pack and the admission policies."""

    exceptions: dict[Rule, dict[Name, Reason]] = Field(
        default={}, description="By rule and namespace, the reason for the exception"
    )


class Limits(Settings):
    """Limits on the sum of all node pools at their maximum size."""

    gpus: int = Field(default=32, ge=0, description="GPUs of all pools, including simulated ones")
    hourly_cost: float = Field(
        default=200,
        ge=0,
        le=1_000_000,
        description="US dollars per hour of all pools and the system pool at their maximum, at on-demand list prices "
        "of the region, with the fee for managing nodes and without disks",
    )


def exceptions_are_for_own_namespaces(platform: Platform, root: Path) -> Iterator[Problem]:
    """An exception for a namespace outside the stack would apply to a later owner of that name."""
    own = [platform.namespace, *platform.teams]
    for rule, namespaces in platform.policy.exceptions.items():
        for namespace in namespaces:
            if namespace not in own:
                message = f"'{namespace}' is not a namespace of this stack{suggestion(namespace, own)}"
                yield Problem(f"policy.exceptions.{rule}.{namespace}", message)


def pools_are_within_the_limits(platform: Platform, root: Path) -> Iterator[Problem]:
    """A typo in a number of nodes is refused before any node is bought; the foundation's rules have the cost."""
    yield from gpus_within_the_limit(platform.limits, platform.node_pools)


def gpus_within_the_limit(limits: Limits, pools: Mapping[str, NodePool]) -> Iterator[Problem]:
    """The policy pack has the same rule."""
    if (most := most_gpus(pools)) > limits.gpus:
        message = f"the node pools may have {most} GPUs, more than {limits.gpus}"
        yield Problem("limits.gpus", f"{message}; declare fewer nodes, or raise the limit")
