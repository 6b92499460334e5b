"""The part of the comment about one stack, before it is written as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.pull_request.changes import Change

Problem = Mapping[str, Any]
"""As `cli.plan` reads it: an error, or a violated policy."""


@dataclass(frozen=True)
class Report:
    """What a change does to one stack."""

    stack: str
    changes: Sequence[Change] = ()
    problems: Sequence[Problem] = ()
    failure: str = ""
    notice: str = ""
    cost: Mapping[str, Any] | None = None
    """Of the head, as `cli.cost` writes it; None where nothing is bought."""
    cost_before: Mapping[str, Any] | None = None
    endpoints: Sequence[str] = ()
    """What they serve, and how requests are divided, from now on."""
    fit: Sequence[str] = ()
    """What stops fitting on nodes and in quotas, or starts to."""
