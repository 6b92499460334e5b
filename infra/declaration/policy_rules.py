"""Rules about declared exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infra.declaration.model import Platform
from infra.declaration.problems import Problem, suggestion


def exceptions_are_for_own_namespaces(platform: Platform, root: Path) -> Iterator[Problem]:
    """An exception for a namespace outside the stack would apply to a later owner of that name."""
    own = [platform.namespace, *platform.teams]
    for rule, namespaces in platform.policy.exceptions.items():
        for namespace in namespaces:
            if namespace not in own:
                words = f"'{namespace}' is no namespace of this stack{suggestion(namespace, own)}"
                yield Problem(f"policy.exceptions.{rule}.{namespace}", words)
