"""The monthly cost of a plan: three stacks computed by hand, to the cent, from the prices that are written here too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.cost import as_json
from infra.catalogue.aws.instance_types import instance_types
from infra.catalogue.aws.prices import database_price, instance_price, priced_instances, service_price
from infra.cost import Cost, is_classified, monthly
from infra.cost.amounts import SIZES
from infra.declaration.loader import declare
from tests import examples
from tests.unit.cli.costs import cost, dollars, item, small_stack, steps
from tests.unit.components.recorder import platform
from tests.unit.declaration.samples import REPOSITORY, on_aws, small

PLACEHOLDER = "123456789012"
"""The account of the sample as it is shipped; its users declare their own."""


def test_a_small_stack() -> None:
    """
    control plane      730 x 0.10                                              =    73.00
    NAT gateway        730 x 0.052                                             =    37.96
    public address     730 x 0.005                                             =     3.65
    db.t4g.medium      730 x 0.074                                             =    54.02
    its storage        20 GiB x 0.137 = 2.74, at most 80 GiB                   =    10.96
    its password       0.40
    7 keys             7 x 1.00
    system pool        2 m6i.xlarge, since the endpoint has 2 replicas, which are spread:
                       (730 x 0.23 x 1.12 + 100 GiB x 0.0952) x 2              =   395.136
                       6 m7i.xlarge: (730 x 0.2415 x 1.12 + 100 x 0.0952) x 6  = 1,241.8224
    """
    fixed = Decimal("73.00") + Decimal("37.96") + Decimal("3.65") + Decimal("54.02") + Decimal("7.40")
    found = cost(small_stack())
    assert found.dollars.minimum == fixed + Decimal("2.74") + Decimal("395.136")
    assert found.dollars.maximum == fixed + Decimal("10.96") + Decimal("1241.8224")
    assert dollars(found) == ("573.91", "573.91", "1428.81")
    assert (found.stand_ins, found.unknown, found.notes) == ([], [], [])


def test_a_stack_in_a_region_where_nothing_stands_in() -> None:
    """In us-east-1, with everything optional, replicas that are spread, a fixed pool, and a pool that an endpoint uses.

    control plane                                                                  73.00
    2 NAT gateways, 2 addresses   730 x (0.045 + 0.005) x 2                        73.00
    db.t4g.medium, a standby      730 x 0.065 x 2                                  94.90
    its 50 GiB, at most 200       0.115 x 2 x 50 = 11.50                           46.00
    secrets: its password, 1 key  0.80
    9 keys                        9.00
    Grafana's first editor        9.00
    6 GiB of volumes              0.48
    system pool                   1 m6i.xlarge, at most 6 m7i.xlarge
    plain, 0 to 4 m7i.2xlarge     (730 x 0.4032 x 1.12 + 8.00) x 4             = 1,350.625...
    a10g, 2 to 4 g5.2xlarge       730 x 1.212 x 1.12 + 8.00                    =   998.9312 each
    h100, 2 p5.48xlarge           (730 x 55.04 x 1.12 + 8.00) x 2              = 90,017.408
    At spot prices, a10g costs 730 x (0.4417 + 0.12 x 1.212) + 8.00            =   436.6122
                            to 730 x (0.5054 + 0.12 x 1.212) + 8.00            =   483.1132 each
    """
    declaration = on_aws(
        **{
            "foundation.aws.region": "us-east-1",
            "foundation.aws.network.zones": ["us-east-1a", "us-east-1b"],
            "foundation.aws.managedPrometheus": {},
            "foundation.aws.managedGrafana": {"admins": ["93842ea2-70b1-4f6e-8a3c-0d2b6f1e7c55"]},
            "nodePools.h100.aws.zones": ["us-east-1b"],
            "secrets": {"digits-key": {"team": "vision", "generate": True}},
            "serving.digits": {
                **{"team": "vision", "image": "serving", "model": "digits", "replicas": 2, "apiKey": "digits-key"},
                **{"pool": "a10g", "gpus": 1},
            },
            "monitoring": {"receivers": {"all": {"sns": {"topic": "alerts"}}}, "defaultReceiver": "all"},
        }
    )
    hours = Decimal(730)
    fee = Decimal("1.12")
    fixed = Decimal("73.00") + Decimal("73.00") + Decimal("94.90") + Decimal("0.80")
    fixed += Decimal("9.00") + Decimal("9.00") + Decimal("0.48") + Decimal("90017.408")
    gpu = hours * Decimal("1.212") * fee + 8
    found = cost(declaration)
    assert found.dollars.minimum == fixed + Decimal("11.50") + (hours * Decimal("0.192") * fee + 8) + 2 * gpu
    plain = 4 * (hours * Decimal("0.4032") * fee + 8)
    system = 6 * (hours * Decimal("0.2016") * fee + 8)
    assert found.dollars.maximum == fixed + Decimal("46.00") + system + plain + 4 * gpu
    assert dollars(found) == ("92451.93", "92451.93", "96706.91")
    assert found.notes == [
        "pool a10g is priced on demand; at spot prices of us-east-1 (2025-05-28) it usually costs $873.22 to "
        "$966.23, at its maximum $1,746.45 to $1,932.45",
        "pool h100 is priced on demand; a capacity reservation costs as much, also without nodes",
        "pool h100: machines usually idle: 2 of 2 reserved, $90,017.41 a month (2 without jobs, 2 with all workloads "
        "at once)",
    ]


def test_the_prod_example() -> None:
    """
    control plane                                    73.00
    3 NAT gateways       730 x 0.052 x 3            113.88
    3 public addresses   730 x 0.005 x 3             10.95
    1 endpoint           730 x 0.012 x 3             26.28
    db.t4g.medium x 2    730 x 0.074 x 2            108.04
    its 50 GiB x 2       50 x 0.137 x 2              13.70, at most 200 GiB 54.80
    2 secrets                                         0.80
    11 keys                                          11.00
    Grafana's editor                                  9.00
    6 GiB of volumes     6 x 0.0952                   0.5712
    system pool          3 m6i.xlarge for the 3 replicas of `digits`, which are spread: 3 x 197.568
                         6 m7i.xlarge             1,241.8224
    cpu, at most 4       m7i.2xlarge  (730 x 0.483 x 1.12 + 9.52) x 4       = 1,617.6832
    a10g, at most 4      g5.4xlarge   (730 x 2.03081 x 1.12 + 9.52) x 4     = 6,679.64...
    h100, 2              (730 x 55.04 x 1.12 + 500 x 0.0952) x 2            = 90,096.608, a price of us-east-1
    """
    found = cost(examples.declaration(examples.PROD))
    fixed = [*("73.00", "113.88", "10.95", "26.28", "108.04", "0.80", "11.00", "9.00", "0.5712", "90096.608")]
    total = sum(map(Decimal, fixed), start=Decimal())
    assert found.dollars.minimum == total + Decimal("13.70") + 3 * Decimal("197.568")
    a10g = 4 * (730 * Decimal("2.03081") * Decimal("1.12") + Decimal("9.52"))
    assert found.dollars.maximum == total + Decimal("54.80") + Decimal("1241.8224") + Decimal("1617.6832") + a10g
    assert dollars(found) == ("91056.53", "91056.53", "100044.08")
    assert found.stand_ins == ["2 x p5.48xlarge"]


def test_extended_support_is_counted_once_it_is_paid() -> None:
    old = {"foundation.aws.cluster.version": "1.34"}
    extended = {**old, "foundation.aws.cluster.upgradePolicy": "EXTENDED"}
    paid = (
        cost(small_stack(**extended), date(2026, 12, 3)).dollars.minimum - cost(small_stack(**extended)).dollars.minimum
    )
    assert paid == 730 * Decimal("0.50")
    assert cost(small_stack(**old), date(2026, 12, 3)).dollars.minimum == cost(small_stack()).dollars.minimum


def test_a_price_of_another_region_is_named() -> None:
    zones = {"foundation.aws.region": "eu-north-1", "foundation.aws.network.zones": ["eu-north-1a", "eu-north-1b"]}
    found = cost(small_stack(**zones))
    assert item(found, "NAT gateway").dollars.minimum == 730 * Decimal("0.045")
    assert "NAT gateway" in found.stand_ins
    assert item(found, "db.t4g.medium").dollars.minimum == 730 * Decimal("0.065")
    assert "db.t4g.medium" not in found.stand_ins


def test_a_thing_without_any_price_is_named() -> None:
    found = cost(small_stack(**{"foundation.aws.database.instanceClass": "db.x99.large"}))
    assert found.unknown == ["db.x99.large"]
    assert "db.x99.large" in as_json(found)["notes"]


def test_nodes_at_rest_follow_from_the_requests_of_what_always_runs() -> None:
    one = {"team": "vision", "image": "serving", "model": "digits", "replicas": 1}
    large = one | {"resources": {"cpu": 3}}
    for serving, nodes in [({"a": one}, 1), ({"a": one | {"replicas": 4}}, 4), ({"a": large, "b": large}, 2)]:
        found = item(cost(small_stack(serving=serving)), f"{nodes} to 6 x")
        assert found.dollars.minimum == nodes * Decimal("197.568")


def reserved(*capacity: str, **aws: object) -> Cost:
    """Of a small stack with a pool that scales from 0 to 2 p5.48xlarge."""
    pool = {
        "instance": {"cpu": 184, "memory": "1800Gi"},
        "gpu": {"model": "NVIDIA-H100-80GB-HBM3", "count": 8},
        "max": 2,
        "aws": {"instanceTypes": ["p5.48xlarge"], "capacity": list(capacity), "zones": ["eu-central-1b"], **aws},
    }
    return cost(small_stack(nodePools={"h100": pool}))


RESERVATION = {"reservation": "cr-0123456789abcdef0"}
IN_ADVANCE = "a capacity block has its own price, which is paid in advance, also without nodes"
AS_MUCH = "a capacity reservation costs as much, also without nodes"
UNCOUNTED = ", which is not counted beside other capacity"


@pytest.mark.parametrize(
    ("capacity", "machines", "note"),
    [
        (["reserved"], 2, AS_MUCH),
        (["capacityBlock"], 2, IN_ADVANCE),
        (["reserved", "onDemand"], 0, f"{AS_MUCH}{UNCOUNTED}"),
        (["capacityBlock", "onDemand"], 0, f"{IN_ADVANCE}{UNCOUNTED}"),
    ],
)
def test_reserved_machines_are_paid_without_nodes(capacity: list[str], machines: int, note: str) -> None:
    """Without a node, a machine has neither the fee of Auto Mode nor a disk: 730 x 55.04 = 40,179.20."""
    machine = 730 * Decimal("55.04") * Decimal("1.12") + Decimal("9.52")
    found = reserved(*capacity, **RESERVATION)
    assert item(found, "0 to 2 x p5").dollars.minimum == machines * Decimal("40179.20")
    assert item(found, "0 to 2 x p5").dollars.maximum == 2 * machine
    assert found.notes[0] == f"pool h100 is priced on demand; {note}"
    assert [(each.paid, int(each.machines.usual)) for each in found.idle] == [(2, 2)] * bool(machines)


def test_nothing_is_reserved_on_demand() -> None:
    found = reserved("onDemand")
    assert (item(found, "0 to 2 x p5").dollars.minimum, list(found.notes)) == (Decimal(), [])


def test_nothing_is_bought_elsewhere() -> None:
    declaration = small()
    assert monthly(declare(declaration, "Pulumi.test.yaml", REPOSITORY), steps(platform(declaration))) is None


@pytest.mark.parametrize("declaration", [on_aws(), examples.declaration(examples.PROD)], ids=["sample", "prod"])
def test_of_each_type_it_is_known_whether_it_costs_something(declaration: dict[str, Any]) -> None:
    types = {each["type"] for each in steps(platform(declaration)) if each["type"].startswith("aws:")}
    assert [each for each in sorted(types) if not is_classified(each)] == []
    assert not is_classified("aws:ec2/instance:Instance")


def test_prices_are_of_machines_that_there_are_and_of_today_s_list() -> None:
    assert priced_instances().keys() <= instance_types().keys()
    assert all(price > 0 for prices in priced_instances().values() for price in prices.values())
    assert instance_price("p99.xlarge", "eu-central-1") is None
    assert database_price("db.x99.large", "eu-central-1") is None
    changed = instance_price("p5.48xlarge", "us-west-2")  # 44 % cheaper since the older of the sources
    assert changed is not None
    assert (changed.dollars, changed.region) == (Decimal("55.04"), "us-east-1")
    assert service_price("kms-key", "af-south-1").region == "af-south-1"


HEADING = "| what | number | $ a month, least | usual | at most |\n|---|---|---|---|---|\n"


def table(cost: Cost) -> Sequence[str]:
    """The documentation's table: by what is billed, since mocks tell no components."""
    pools = ("system pool", "pool ")
    rows = [
        f"| {f'{each.component}: ' if each.component.startswith(pools) else ''}{each.what} | {each.count} | "
        f"{each.dollars.minimum:,.2f} | {each.dollars.usual:,.2f} | {each.dollars.maximum:,.2f} |"
        for each in cost.items
    ]
    least, usual, most = (f"{cost.dollars.at(size):,.2f}" for size in SIZES)
    return [*sorted(rows), f"| **total** | | **{least}** | **{usual}** | **{most}** |"]


@pytest.mark.users_files
def test_the_documentation_has_the_cost_of_the_sample() -> None:
    """It can only be that of the file as it is shipped."""
    declared = examples.declaration(REPOSITORY / "Pulumi.prod.yaml")
    if declared["foundation"]["aws"]["account"] != PLACEHOLDER:
        pytest.skip("the sample has been made a stack of somebody's own")
    expected = table(cost(declared))
    text = Path(REPOSITORY / "docs" / "aws.md").read_text()
    found = text.partition("| what | number | $ a month, least | usual | at most |\n|---|---|---|---|---|\n")[
        2
    ].partition("\n\n")[0]
    assert found.splitlines() == expected, "\n".join(["docs/aws.md is out of date; write:", *expected])
