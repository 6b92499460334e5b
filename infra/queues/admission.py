"""Which Jobs of teams are admitted where there are queues."""

from __future__ import annotations

from infra.catalogue.names import QUEUE_LABEL
from infra.tenancy.team_admission import TeamRule

_QUEUE = f"{{job}}.metadata.?labels.orValue({{{{}}}})[?'{QUEUE_LABEL}'].orValue('')"

QUEUED = TeamRule(
    name="jobs-in-queues",
    variables={
        "queue": _QUEUE.format(job="object"),
        "before": f"request.operation == 'CREATE' ? request.namespace : {_QUEUE.format(job='oldObject')}",
    },
    holds="variables.queue == variables.before",
    message=f"jobs of a team wait in its queue: add the label {QUEUE_LABEL} with the name of the team",
)
"""A Job beside the queue would run on what other teams lend, and nothing would take it back. Those that are older than
the queues may stay without."""
