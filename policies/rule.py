"""A policy with an example that it refuses and one that passes; a test runs both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

_ASKED: dict[str, Mapping[str, Any]] = {}
"""Inputs by URN. For stack validation the engine passes outputs, which are empty at a preview without credentials."""


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """`refuses` and `passes` are programs; the resource that the rule is about is called `name` in each."""

    name: str
    reason: str
    fix: str
    refuses: str
    passes: str
    declared: tuple[str, str] = ("", "")
    """The stack file of each program."""
    level: EnforcementLevel = EnforcementLevel.MANDATORY

    @abstractmethod
    def policy(self) -> Policy:
        """The policy as the SDK's class."""

    def _texts(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.reason,
            "enforcement_level": self.level,
            "remediation_steps": self.fix,
        }


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """`check` yields violations of one resource, before it is created."""

    check: Callable[[ResourceValidationArgs], Iterator[str]]

    def policy(self) -> Policy:
        return ResourceValidationPolicy(**self._texts(), validate=self._validate)

    def _validate(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        _ASKED[args.urn] = args.props
        for finding in self.check(args):
            report(f"{finding}; {self.fix}", None)


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """`check` yields violations that depend on several resources."""

    check: Callable[[Sequence[PolicyResource]], Iterator[tuple[PolicyResource, str]]]

    def policy(self) -> Policy:
        return StackValidationPolicy(**self._texts(), validate=self._validate)

    def _validate(self, args: StackValidationArgs, report: ReportViolation) -> None:
        for resource in args.resources:
            resource.props = _ASKED.get(resource.urn, resource.props)
        for resource, finding in self.check(args.resources):
            report(f"{finding}; {self.fix}", resource.urn)


def known(value: Any, *path: str) -> Any:
    """The value at a path; None if it is absent or unknown at preview."""
    try:
        return _found(value, path)
    except UnknownValueError:
        return None


def known_items(value: Any) -> Iterator[Any]:
    """The entries of a list, without unknown ones."""
    for position in range(len(value) if value is not None and not isinstance(value, str) else 0):
        try:
            yield value[position]
        except UnknownValueError:
            continue


def missing(value: Any, *path: str) -> bool:
    """Whether the value at a path is absent or empty; an unknown value is not missing."""
    try:
        found = _found(value, path)
    except UnknownValueError:
        return False
    return found is None or (isinstance(found, Sized) and len(found) == 0)


def differs(value: Any, *path: str, wanted: object) -> bool:
    """Whether the value at a path is known and not `wanted`."""
    try:
        return bool(_found(value, path) != wanted)
    except UnknownValueError:
        return False


def _found(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value
