"""Two more stacks computed by hand, to the cent: pools that several teams share, jobs, endpoints that scale to none."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from cli.cost import as_json, hourly
from infra.cost import Cost
from infra.cost.amounts import total
from tests.unit.cli.costs import cost, dollars, small_stack
from tests.unit.declaration.samples import on_aws

CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"


def cents(*amounts: Fraction | Decimal) -> tuple[str, ...]:
    return tuple(f"{float(amount):.2f}" for amount in amounts)


def of_team(found: Cost, name: str) -> tuple[str, ...]:
    return tuple(as_json(found)["teams"][name].values())


def scaled_to_none() -> dict[str, Any]:
    """An endpoint of 0 to 4 pods with a GPU each on the spot market, and a nightly job of two hours."""
    return small_stack(
        **{
            "gateway": {"aws": {"certificate": CERTIFICATE, "sourceCidrs": ["203.0.113.0/24"]}},
            "secrets": {"ci": {"team": "vision", "generate": True}},
            "nodePools": {
                "plain": {
                    "instance": {"cpu": 7, "memory": "28Gi"},
                    "max": 4,
                    "aws": {"instanceTypes": ["m7i.2xlarge"]},
                },
                "a10g": {
                    "instance": {"cpu": 7, "memory": "27Gi"},
                    "gpu": {"model": "NVIDIA-A10G"},
                    "max": 4,
                    "aws": {"instanceTypes": ["g5.2xlarge"], "capacity": ["spot"]},
                },
            },
            "serving.digits": {
                **{"team": "vision", "image": "serving", "model": "digits", "pool": "a10g", "gpus": 1, "maxSurge": 0},
                "replicas": {"min": 0, "max": 4},
                "expose": {"host": "digits.example.com", "callers": ["ci"]},
            },
            "batch": {
                "nightly": {
                    **{"team": "speech", "image": "training", "pool": "plain", "schedule": "0 3 * * *"},
                    **{"timeout": "2h", "resources": {"cpu": "3500m", "memory": "14Gi"}},
                }
            },
        }
    )


def test_an_endpoint_that_scales_to_none_and_a_nightly_job() -> None:
    """
    control plane 73.00, NAT gateway 37.96, its address 3.65, db.t4g.medium 54.02       = 168.63
    its password 0.40, the caller's key 0.40, 7 keys 7.00                               =   7.80
    load balancer      730 x 0.0225, a price of us-east-1                               =  16.425
    database's storage 2.74, at most 10.96
    system pool        2 m6i.xlarge for the 2 proxies, which are spread                 = 395.136
                       6 m7i.xlarge                                                     = 1,241.8224
    a10g               a node: 730 x 1.5156 x 1.12 + 9.52                               = 1,248.67456
                       none; usually 2, halfway from 0 to 4; at most 4
                       at spot prices 730 x (0.5429 + 0.12 x 1.5156) + 9.52             = 538.60356
                                   to 730 x (0.5648 + 0.12 x 1.5156) + 9.52             = 554.59056
    plain              a node: 730 x 0.483 x 1.12 + 9.52                                = 404.4208
                       none; usually one for 2 of 24 hours, a twelfth: 33.70173...; at most 4
    """
    found = cost(scaled_to_none())
    fixed = Fraction("168.63") + Fraction("7.80") + Fraction("16.425")
    a10g, plain = Fraction("1248.67456"), Fraction("404.4208")
    least = fixed + Fraction("2.74") + Fraction("395.136")
    usual = least + 2 * a10g + plain / 12
    most = fixed + Fraction("10.96") + Fraction("1241.8224") + 4 * a10g + 4 * plain
    assert dollars(found) == cents(least, usual, most) == ("590.73", "3121.78", "8058.02")
    assert as_json(found)["hourly"] == {"minimum": "0.81", "usual": "4.28", "maximum": "11.04"}
    assert (hourly(found.dollars).minimum * 730).quantize(Decimal("0.01")) == Decimal("590.73")
    spot = as_json(found)["spot"]["a10g"]
    assert spot["lowest"] == {"minimum": "0.00", "usual": "1077.21", "maximum": "2154.41"}
    assert spot["highest"] == {"minimum": "0.00", "usual": "1109.18", "maximum": "2218.36"}


def test_each_team_pays_what_its_pods_cause_and_the_platform_the_rest() -> None:
    """vision has the endpoint, and in the system pool a job that is started by hand; speech has the nightly job.

    A node of the system pool offers 3,895 millicores and 13,542 MiB to pods, which take the larger part of the two:

        2 proxies       100m, 256 MiB each     200/3895
        controller       50m, 256 MiB          256/13542
        tracking        250m, 1024 MiB        1024/13542
        autoscaler       20m, 64 MiB            20/3895
        vision's job    500m, 1024 MiB         500/3895
    """
    found = cost(scaled_to_none())
    job = Fraction(500, 3895)
    part = job / (Fraction(220, 3895) + Fraction(1280, 13542) + job)
    vision = cents(Fraction(0), 2 * Fraction("1248.67456"), 4 * Fraction("1248.67456") + part * Fraction("1241.8224"))
    assert of_team(found, "vision") == vision
    assert of_team(found, "speech") == ("0.00", "33.70", "1617.68")
    assert of_team(found, "platform")[:2] == ("590.73", "590.73")
    assert found.dollars == total(found.by_team().values())


def shared() -> dict[str, Any]:
    """In us-east-1: a pool of two teams, machines that are reserved for a job, and a fixed pool that is not used."""
    return on_aws(
        **{
            "foundation.aws.region": "us-east-1",
            "foundation.aws.network": {"cidr": "10.20.0.0/16", "zones": ["us-east-1a", "us-east-1b"], "nat": "single"},
            "foundation.aws.database": {"multiZone": False, "storage": 20},
            "training.digits.pool": "h100",
            "training.digits.gpus": 8,
            "serving.digits.pool": "plain",
            "serving.digits.resources": {"cpu": 2, "memory": "4Gi"},
            "batch": {
                "by-hand": {
                    **{"team": "speech", "image": "training", "pool": "plain"},
                    **{"resources": {"cpu": "3500m", "memory": "7Gi"}},
                }
            },
            "nodePools": {
                "plain": {
                    "instance": {"cpu": 7, "memory": "28Gi"},
                    "max": 4,
                    "aws": {"instanceTypes": ["m7i.2xlarge"], "usualNodes": 2.5},
                },
                "h100": {
                    "instance": {"cpu": 184, "memory": "1800Gi"},
                    "gpu": {"model": "NVIDIA-H100-80GB-HBM3", "count": 8},
                    "max": 2,
                    "aws": {
                        **{"instanceTypes": ["p5.48xlarge"], "capacity": ["reserved"], "zones": ["us-east-1b"]},
                        "reservation": "cr-0123456789abcdef0",
                    },
                },
                "desks": {
                    "instance": {"cpu": 3, "memory": "12Gi"},
                    "gpu": {"model": "NVIDIA-A10G"},
                    "min": 1,
                    "aws": {"instanceTypes": ["g5.xlarge"], "fixedSize": True},
                },
            },
        }
    )


def test_a_shared_pool_a_reservation_and_a_fixed_pool() -> None:
    """
    control plane 73.00, NAT gateway 730 x 0.045 = 32.85, its address 3.65,
    db.t4g.medium 730 x 0.065 = 47.45, its password 0.40, 7 keys 7.00        =     164.35
    database's storage  20 x 0.115 = 2.30, at most 80 x 0.115                =       9.20
    system pool         1 m6i.xlarge: 730 x 0.192 x 1.12 + 8                 =     164.9792
                        6 m7i.xlarge: (730 x 0.2016 x 1.12 + 8) x 6          =   1,036.96896
    plain               a node: 730 x 0.4032 x 1.12 + 8                      =     337.65632
                        2 for the replicas, which are spread; usually 2.5; at most 4
    h100                2 machines without a node: 2 x 730 x 55.04           =  80,358.40
                        2 nodes: (730 x 55.04 x 1.12 + 8) x 2                =  90,017.408
    desks               1 node: 730 x 1.006 x 1.12 + 8                       =     830.5056
    """
    found = cost(shared())
    fixed, plain = Fraction("164.35") + Fraction("830.5056"), Fraction("337.65632")
    rest = fixed + Fraction("2.30") + Fraction("164.9792") + Fraction("80358.40")
    most = fixed + Fraction("9.20") + Fraction("1036.96896") + 4 * plain + Fraction("90017.408")
    expected = cents(rest + 2 * plain, rest + Fraction("2.5") * plain, most)
    assert dollars(found) == expected == ("82195.85", "82364.68", "93409.06")


def test_teams_share_a_pool_by_what_their_pods_request() -> None:
    """Of a node of 7 cores, each of vision's 2 pods takes 2/7, and speech's job a half: 4/7 to 1/2 is 8 to 7. The job
    is started by hand, so only vision's pods run at the minimum and usually. Without pods, those who may run some pay.

    vision: plain 675.31264, usually 2.5 x 337.65632 = 844.1408, at most 8/15 of 1,350.62528; all of h100
    """
    found = cost(shared())
    plain, h100 = Fraction("337.65632"), (Fraction("80358.40"), Fraction("90017.408"))
    assert of_team(found, "speech") == cents(Fraction(0), Fraction(0), 4 * plain * Fraction(7, 15))
    vision = cents(2 * plain + h100[0], Fraction("2.5") * plain + h100[0], 4 * plain * Fraction(8, 15) + h100[1])
    assert of_team(found, "vision") == vision == ("81033.71", "81202.54", "90737.74")
    assert of_team(found, "platform") == cents(
        Fraction("164.35") + Fraction("830.5056") + Fraction("2.30") + Fraction("164.9792"),
        Fraction("164.35") + Fraction("830.5056") + Fraction("2.30") + Fraction("164.9792"),
        Fraction("164.35") + Fraction("830.5056") + Fraction("9.20") + Fraction("1036.96896"),
    )


def test_idle_machines_are_named_with_what_they_cost() -> None:
    """The job takes one of the two reserved machines while it runs, and no workload the fixed pool's node."""
    idle = {each["machines"]["usual"]: each for each in as_json(cost(shared()))["idle"].values()}
    assert idle[2.0] == {
        "machines": {"minimum": 2.0, "usual": 2.0, "maximum": 1.0},
        "dollars": {"minimum": "80358.40", "usual": "80358.40", "maximum": "40179.20"},
    }
    assert idle[1.0] == {
        "machines": {"minimum": 1.0, "usual": 1.0, "maximum": 1.0},
        "dollars": {"minimum": "830.51", "usual": "830.51", "maximum": "830.51"},
    }
    assert (
        "pool desks: machines usually idle: 1 of 1 of fixed size, $830.51 a month (1 without jobs, 1 with all "
        "workloads at once)"
    ) in as_json(cost(shared()))["notes"]
