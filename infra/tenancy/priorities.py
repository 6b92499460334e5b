"""Preemption order when nodes are full: the platform before serving before training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import PROJECT, labels

Purpose = Literal["platform", "serving", "training"]

VALUES: dict[Purpose, int] = {"platform": 100_000, "serving": 10_000, "training": 1_000}
WAITS: frozenset[Purpose] = frozenset({"training"})
"""These never preempt others: a preempted job loses its work."""


@dataclass(frozen=True)
class PrioritiesArgs:
    """PriorityClasses are cluster-scoped; the platform's name is part of theirs."""

    platform: str


class Priorities(pulumi.ComponentResource):
    """One PriorityClass per purpose of a pod."""

    def __init__(self, name: str, args: PrioritiesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Priorities", name, None, opts)
        self._platform = args.platform
        for purpose, value in VALUES.items():
            kubernetes.scheduling.v1.PriorityClass(
                self.of(purpose),
                metadata=ObjectMetaArgs(name=self.of(purpose), labels=labels(purpose, "priorities")),
                value=value,
                preemption_policy="Never" if purpose in WAITS else "PreemptLowerPriority",
                description=f"Pods for {purpose} of {args.platform}",
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})

    def of(self, purpose: Purpose) -> str:
        """The name of the PriorityClass, known before it exists."""
        return f"{self._platform}-{purpose}"
