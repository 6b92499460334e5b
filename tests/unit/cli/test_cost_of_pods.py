"""How many nodes pods need, and how often a schedule starts a job."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from infra.cost.amounts import Amounts, always
from infra.cost.packing import nodes_for
from infra.cost.pods import Node, Pods
from infra.workloads.batch.schedule import runs_a_month

NODE = Node(cpu=7000, memory=28 * 2**30, gpus=2)
GIB = 2**30


def pods(number: int, cores: int, gibibytes: int = 1, gpus: int = 0, spread: bool = False) -> Pods:
    return Pods("vision", "plain", cores * 1000, gibibytes * GIB, gpus, always(Decimal(number)), spread)


@pytest.mark.parametrize(
    ("groups", "nodes"),
    [
        ([], 0),
        ([pods(0, 1)], 0),
        ([pods(7, 1)], 1),
        ([pods(8, 1)], 2),
        ([pods(4, 5)], 4),  # 20 of 28 cores of four nodes, but no two share one
        ([pods(2, 5), pods(2, 2)], 2),  # what the large ones leave has room for the small ones
        ([pods(2, 2), pods(2, 5)], 2),
        ([pods(3, 1, gibibytes=14)], 2),
        ([pods(3, 1, gpus=1)], 2),
        ([pods(3, 1, spread=True)], 3),
        ([pods(3, 1, spread=True), pods(2, 1, spread=True)], 3),  # only pods of one endpoint keep apart
        ([pods(1, 8), pods(1, 1)], 1),  # the first one fits on no node
    ],
)
def test_pods_are_put_on_nodes_and_not_only_added_up(groups: list[Pods], nodes: int) -> None:
    assert nodes_for(groups, NODE, "usual") == nodes


def test_pods_with_gpus_fit_on_no_node_without() -> None:
    assert nodes_for([pods(1, 1, gpus=1)], Node(7000, 28 * GIB), "maximum") == 0


def test_each_size_has_pods_of_its_own() -> None:
    scaled = Pods("vision", None, 5000, GIB, 0, Amounts(Decimal(0), Decimal(2), Decimal(4)))
    sizes = ("minimum", "usual", "maximum")
    assert [nodes_for([scaled], NODE, size) for size in sizes] == [0, 2, 4]  # type: ignore[arg-type] # are literals


MONTH = Fraction(730, 24)
"""Days."""


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("0 3 * * *", MONTH),
        ("@daily", MONTH),
        ("@hourly", Fraction(730)),
        ("0 3 * * mon", MONTH / 7),
        ("*/15 8-17 * * 1-5", 4 * 10 * 5 * MONTH / 7),
        ("5/20,50 0 ? * *", 4 * MONTH),  # 5, 25, 45 and 50
        ("@monthly", MONTH * 28 * 12 / 10_227),  # of the days of 28 years
        ("0 0 * feb,jul *", MONTH * (28 * (28 + 31) + 7) / 10_227),
        ("0 0 1 * mon", MONTH * (336 + 1461 - 48) / 10_227),  # either; each 7th of the 336 firsts is a Monday
        ("0 0 */31 * mon", MONTH * (336 + 1461 - 48) / 10_227),  # a step is a restriction, too
    ],
)
def test_runs_of_a_schedule_in_a_month_of_730_hours(schedule: str, runs: Fraction) -> None:
    assert Fraction(runs_a_month(schedule)).limit_denominator(10**9) == runs.limit_denominator(10**9)
