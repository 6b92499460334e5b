"""Budgets: what a plan costs, for the whole stack and by team, as `make preview` shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UnknownValueError
from pydantic import ValidationError

from infra.cost import exceeded, monthly
from infra.declaration.model import Platform
from policies.ceilings import STACK, declared
from policies.declared import setting
from policies.rule import StackRule

_UNKNOWN = "<unknown>"


def _beyond(resources: Sequence[PolicyResource]) -> Iterator[tuple[PolicyResource, str]]:
    for stack in resources:
        if stack.resource_type != STACK:
            continue
        try:
            platform = Platform.model_validate(setting(stack.urn))
        except ValidationError:
            return  # the program reports it
        if platform.has_budgets and (cost := monthly(platform, [_step(resource) for resource in resources])):
            yield from ((stack, str(problem)) for problem in exceeded(platform, cost))


def _step(resource: PolicyResource) -> Mapping[str, Any]:
    """As in a plan."""
    return {
        "operation": "create",
        "urn": resource.urn,
        "type": resource.resource_type,
        "inputs": _plain(resource.props),
    }


def _plain(value: Any) -> Any:
    """Without the SDK's proxies, which raise at what is not known at preview."""
    if isinstance(value, Mapping):
        return {key: _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_known(value, position) for position in range(len(value))]
    return value


def _known(value: Any, key: Any) -> Any:
    try:
        return _plain(value[key])
    except UnknownValueError:
        return _UNKNOWN


RULES = (
    StackRule(
        name="budgets",
        reason="A stack and its teams cost at most their budgets, by list prices.",
        fix="the budget's owner may raise it",
        check=_beyond,
        refuses="",
        passes="",
        declared=(declared(9, 9, 6_000), declared(10, 16, 20_000)),
    ),
)
