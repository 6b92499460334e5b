"""Machines that are paid without pods: reservations, and pools of fixed size."""

from __future__ import annotations

from dataclasses import dataclass

from infra.cost.amounts import SIZES, Amounts


@dataclass(frozen=True)
class Idle:
    """Of one pool: how many of its `paid` machines the declared workloads leave idle, and what these cost a month."""

    pool: str
    paid: int
    reserved: bool
    machines: Amounts
    dollars: Amounts

    def __str__(self) -> str:
        least, usual, most = (f"{self.machines.at(size):.4g}" for size in SIZES)
        idle = f"{usual} of {self.paid} {'reserved' if self.reserved else 'of fixed size'}"
        counts = f"{least} without jobs, {most} with all workloads at once"
        return f"pool {self.pool}: machines usually idle: {idle}, ${self.dollars.usual:,.2f} a month ({counts})"
