"""Who gives way when a node is full: training to serving, and both to the platform itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import PROJECT, labels

Purpose = Literal["platform", "serving", "training"]

_VALUES: dict[Purpose, int] = {"platform": 100_000, "serving": 10_000, "training": 1_000}
_WAITS: frozenset[Purpose] = frozenset({"training"})
"""Waits for room instead of making it: a job that is pushed out loses its work."""


@dataclass(frozen=True)
class PrioritiesArgs:
    """Classes belong to no namespace; the platform's name keeps those of two platforms apart."""

    platform: str


class Priorities(pulumi.ComponentResource):
    """One PriorityClass for each purpose of a pod."""

    def __init__(self, name: str, args: PrioritiesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Priorities", name, None, opts)
        self._platform = args.platform
        for purpose, value in _VALUES.items():
            kubernetes.scheduling.v1.PriorityClass(
                self.of(purpose),
                metadata=ObjectMetaArgs(name=self.of(purpose), labels=labels(purpose, "priorities")),
                value=value,
                preemption_policy="Never" if purpose in _WAITS else "PreemptLowerPriority",
                description=f"Pods for {purpose} of {args.platform}",
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})

    def of(self, purpose: Purpose) -> str:
        """The class's name, known before it exists."""
        return f"{self._platform}-{purpose}"
