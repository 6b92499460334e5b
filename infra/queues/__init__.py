"""Queues of jobs, by Kueue: its controller, the quotas that it divides, and a queue for each team."""

from infra.queues.local_queues import LocalQueues, LocalQueuesArgs
from infra.queues.quotas import Quotas, QuotasArgs

__all__ = ["LocalQueues", "LocalQueuesArgs", "Quotas", "QuotasArgs"]
