"""A policy beside a case that it refuses and one that it lets pass: what is not refused in a test is no policy."""

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
"""What was asked for, by URN: of a whole stack the engine shows what providers answered, and at a preview without a
cluster or an account that is nothing."""


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """`refuses` and `passes` are programs with one resource each that matters; it is called `name`."""

    name: str
    reason: str
    fix: str
    refuses: str
    passes: str
    declared: tuple[str, str] = ("", "")
    """What the stack file says with the one and with the other."""
    level: EnforcementLevel = EnforcementLevel.MANDATORY

    @abstractmethod
    def policy(self) -> Policy:
        """For the engine."""

    def _texts(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.reason,
            "enforcement_level": self.level,
            "remediation_steps": self.fix,
        }


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """`check` yields what is wrong with one resource, before it is made."""

    check: Callable[[ResourceValidationArgs], Iterator[str]]

    def policy(self) -> Policy:
        return ResourceValidationPolicy(**self._texts(), validate=self._validate)

    def _validate(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        _ASKED[args.urn] = args.props
        for finding in self.check(args):
            report(f"{finding}; {self.fix}", None)


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """`check` yields what is missing beside a resource, once all of them are known."""

    check: Callable[[Sequence[PolicyResource]], Iterator[tuple[PolicyResource, str]]]

    def policy(self) -> Policy:
        return StackValidationPolicy(**self._texts(), validate=self._validate)

    def _validate(self, args: StackValidationArgs, report: ReportViolation) -> None:
        for resource in args.resources:
            resource.props = _ASKED.get(resource.urn, resource.props)
        for resource, finding in self.check(args.resources):
            report(f"{finding}; {self.fix}", resource.urn)


def known(value: Any, *path: str) -> Any:
    """What is found along a path; None where it is absent, or not known before it exists."""
    try:
        return _found(value, path)
    except UnknownValueError:
        return None


def known_items(value: Any) -> Iterator[Any]:
    """The entries of a list, without those that are not known yet."""
    for position in range(len(value) if value is not None and not isinstance(value, str) else 0):
        try:
            yield value[position]
        except UnknownValueError:
            continue


def missing(value: Any, *path: str) -> bool:
    """Whether nothing is set at the end of a path, or nothing is in it; what is not known yet is not missing."""
    try:
        found = _found(value, path)
    except UnknownValueError:
        return False
    return found is None or (isinstance(found, Sized) and len(found) == 0)


def differs(value: Any, *path: str, wanted: object) -> bool:
    """Whether something else than `wanted` is set there, or nothing; what is not known yet may still be it."""
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
