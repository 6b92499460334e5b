"""A request against weaker policies: what is refused, and then let through, was refused for the reason taken out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tests.engine.iam_evaluator import Policy, Request, allowed

Weaken = Callable[[Request], Request]
Statement = Mapping[str, Any]

EVERYTHING: Policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def refused(attempts: Mapping[str, tuple[Request, Weaken]]) -> None:
    """Each attempt fails, and the very same one against the weaker policies does not."""
    as_declared = allowed({name: request for name, (request, _) in attempts.items()})
    weakened = allowed({name: weaken(request) for name, (request, weaken) in attempts.items()})
    let_through = [name for name, passed in as_declared.items() if passed]
    otherwise = [name for name, passed in weakened.items() if not passed]
    assert not let_through, f"let through: {let_through}"
    assert not otherwise, f"refused for another reason than the one taken out: {otherwise}"


def without_condition(*keys: str) -> Weaken:
    """No policy asks for these keys."""
    return lambda request: _changed(request, lambda statement: [_without(statement, keys)])


def open_to(principal: Mapping[str, str]) -> Weaken:
    """The policy of the resource names somebody else."""

    def weaken(request: Request) -> Request:
        assert request.resource_policy
        return replace(request, resource_policy=_each(request.resource_policy, lambda each: [{**each, **opened}]))

    opened = {"Principal": dict(principal)}
    return weaken


def without_denials(request: Request) -> Request:
    """Nothing is refused outright."""
    return _changed(request, lambda statement: [statement] if statement["Effect"] == "Allow" else [])


def about_everything(request: Request) -> Request:
    """What is allowed, is allowed for every resource."""
    return _changed(request, lambda each: [{**each, "Resource": "*"} if each["Effect"] == "Allow" else each])


def may_everything(request: Request) -> Request:
    """The own policies allow all; a boundary stays."""
    return replace(request, own=(EVERYTHING,))


def unbounded(request: Request) -> Request:
    """No boundary holds the role back."""
    return replace(request, boundary=None)


def _changed(request: Request, change: Callable[[Statement], list[Statement]]) -> Request:
    resource_policy = request.resource_policy
    return replace(
        request,
        own=tuple(_each(policy, change) for policy in request.own),
        resource_policy=_each(resource_policy, change) if resource_policy else None,
    )


def _each(policy: Policy, change: Callable[[Statement], list[Statement]]) -> Policy:
    statements = [changed for statement in policy["Statement"] for changed in change(statement)]
    return {**policy, "Statement": statements}


def _without(statement: Statement, keys: tuple[str, ...]) -> Statement:
    conditions = {
        operator: {key: value for key, value in pairs.items() if key not in keys}
        for operator, pairs in statement.get("Condition", {}).items()
    }
    return {**statement, "Condition": {operator: pairs for operator, pairs in conditions.items() if pairs}}
