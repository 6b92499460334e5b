"""What exceptions from policies must agree with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infra.declaration.model import Platform
from infra.declaration.problems import Problem, suggestion


def exceptions_are_for_own_namespaces(platform: Platform, root: Path) -> Iterator[Problem]:
    """One that is for no namespace of the stack would be kept for whoever takes the name next."""
    own = [platform.namespace, *platform.teams]
    for rule, namespaces in platform.policy.exceptions.items():
        for namespace in namespaces:
            if namespace not in own:
                words = f"'{namespace}' is no namespace of this stack{suggestion(namespace, own)}"
                yield Problem(f"policy.exceptions.{rule}.{namespace}", words)
