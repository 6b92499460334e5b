"""A policy and the case that it refuses, side by side: what is not refused in a test is no policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

Check = Callable[[ResourceValidationArgs], Iterator[str]]


@dataclass(frozen=True)
class Rule:
    """`check` yields what is wrong with one resource."""

    name: str
    reason: str
    fix: str
    check: Check
    refuses: str
    """A program with one resource, named `bad`, that the policy refuses."""
    level: EnforcementLevel = EnforcementLevel.MANDATORY

    def policy(self) -> ResourceValidationPolicy:
        """For the engine."""
        return ResourceValidationPolicy(
            name=self.name,
            description=self.reason,
            enforcement_level=self.level,
            remediation_steps=self.fix,
            validate=self._validate,
        )

    def _validate(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        for finding in self.check(args):
            report(f"{finding}; {self.fix}", None)


def known(value: Any, *path: str) -> Any:  # noqa: ANN401
    """What is found along a path; None where it is absent, or not known before it exists."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        try:
            value = value.get(key)
        except UnknownValueError:
            return None
    return value


def known_items(value: Any) -> Iterator[Any]:  # noqa: ANN401
    """The entries of a list, without those that are not known yet."""
    for position in range(len(value) if value is not None and not isinstance(value, str) else 0):
        try:
            yield value[position]
        except UnknownValueError:
            continue
