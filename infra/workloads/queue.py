"""The queue that a team's jobs wait in. Kueue starts a suspended Job with these labels when it is admitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.catalogue.names import QUEUE_LABEL, QUEUE_PRIORITY_LABEL
from infra.declaration.queues import UNDECLARED


@dataclass(frozen=True)
class Queue:
    """A LocalQueue, which is in the team's namespace and has its name."""

    platform: str
    team: str
    ready: Sequence[pulumi.Resource] = ()
    """What must exist before the first job, and until the last one is deleted."""

    def labels(self, priority: str | None) -> dict[str, str]:
        """Of a Job or a JobSet that is created suspended; of a Job, its pods need none."""
        return {QUEUE_LABEL: self.team, QUEUE_PRIORITY_LABEL: priority_class(self.platform, priority or UNDECLARED)}


def priority_class(platform: str, name: str) -> str:
    """WorkloadPriorityClasses are cluster-scoped; the platform's name is part of theirs."""
    return f"{platform}-{name}"


KEPT_BY_KUEUE = ("spec.suspend", f'metadata.labels["{QUEUE_LABEL}"]')
"""Of a Job that exists: Kueue suspends and starts it, and its queue can't be changed while it runs."""
