"""Why a run waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """One word for programs, as Kubernetes writes reasons."""

    QUOTA = "Quota"
    """All that the team may use is in use, by its own jobs or by those of others."""
    BORROWING_LIMIT = "BorrowingLimit"
    """Other teams leave enough idle, but the team may not borrow so much."""
    PRIORITY = "Priority"
    """Jobs of the same team with a higher priority hold what it needs."""
    TOO_LARGE = "TooLarge"
    """It is more than the team can ever use."""
    QUEUE_STOPPED = "QueueStopped"
    """Nothing is admitted: the queue is held or inactive, or its controller has not looked at the run."""
    BACK_OFF = "BackOff"
    """It went back to its queue, and is tried again later."""
    NO_SUCH_NODE = "NoSuchNode"
    """No node has the labels, the GPUs or the size that a pod asks for."""
    TAINT = "Taint"
    """The nodes that it asks for have taints that it does not tolerate."""
    FRAGMENTATION = "Fragmentation"
    """Enough is free, but not on one node."""
    POOL_MAXIMUM = "PoolMaximum"
    """Its pool is full, and has its declared maximum of nodes."""
    NODES_LOST = "NodesLost"
    """Only in a plan: a scenario takes away nodes of its pool."""
    ZONE_LOST = "ZoneLost"
    """Only in a plan: a scenario takes away a zone of its pool."""
    NODE_STARTS = "NodeStarts"
    """Its pool is full, and may grow."""
    SCHEDULER = "Scheduler"
    """Another reason of the scheduler."""
    IMAGE_PULL = "ImagePull"
    VOLUME = "Volume"
    DEPENDENCY = "Dependency"
    """A Secret, a ConfigMap or an init container that it needs first."""
    REFUSED = "Refused"
    """Its pods can't be created."""
    SUSPENDED = "Suspended"
    """Somebody has suspended it."""
    STARTING = "Starting"
    """Nothing is wrong: its pods are starting."""


@dataclass(frozen=True)
class Cause:
    """`message` says it in numbers, `fix` what could be done."""

    reason: Reason
    message: str
    fix: str = ""


def some(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
