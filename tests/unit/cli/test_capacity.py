"""`make plan`: cases computed by hand. On the local foundation nodes are exactly as declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.capacity.bounds import always_room, can_hold, least_nodes
from cli.capacity.fleet import fleet
from cli.capacity.report import Report, Verdict
from cli.capacity.scenario import Scenario, broken_rules
from cli.capacity.verdict import examine
from infra.declaration.loader import declare
from tests.unit.declaration.samples import WHERE, in_cluster, on_aws, project, small

ONE_GPU = {"team": "vision", "image": "training", "model": "other", "pool": "a10g", "gpus": 1}
"""The sample's pool has two nodes of one GPU, 8 CPUs and 32Gi."""
EIGHT = {"instance": {"cpu": 64, "memory": "256Gi"}, "gpu": {"model": "NVIDIA-H100", "count": 8}, "max": 2}
"""A pool of two nodes of eight GPUs."""
QUOTA = {"cpu": 64, "memory": "256Gi", "gpus": 1}
NO_GPUS = {**QUOTA, "gpus": 0}
QUEUES = {"queues": {}, "teams.vision.quota": QUOTA, "teams.speech.quota": QUOTA}
NO_JOB = {"training": {}, "models.other": {"team": "vision"}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("project"))


class Plan:
    """The report, and its verdicts by workload and size."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def of(self, name: str, size: str = "usual") -> Verdict:
        (row,) = [each for each in self.report.rows if each.name == name]
        return next(each for each in row.verdicts if each.size == size)

    def said(self, name: str, size: str = "usual") -> tuple[str, int, str]:
        """Outcome, how many fit, and the reason."""
        found = self.of(name, size)
        return found.outcome, found.fitting, found.reason


def planned(root: Path, declaration: dict[str, Any], **scenario: Any) -> Plan:
    platform = declare(declaration, WHERE, root)
    different = Scenario.model_validate(scenario)
    assert not list(broken_rules(different, platform))
    return Plan(examine("dev", fleet(platform, different)))


def local(root: Path, changes: dict[str, Any], **scenario: Any) -> Plan:
    return planned(root, small(**{**NO_JOB, **changes}), **scenario)


def aws(root: Path, changes: dict[str, Any], **scenario: Any) -> Plan:
    return planned(root, on_aws(**{**NO_JOB, **changes}), **scenario)


def runs(count: int = 1, **more: Any) -> dict[str, Any]:
    """Of one GPU each, unless another number is asked for."""
    return {"team": "vision", "pool": "a10g", "gpus": 1, "count": count, **more}


def test_a_run_fits_on_a_free_node(root: Path) -> None:
    plan = local(root, {"training": {"one": ONE_GPU}})
    assert plan.said("training/one", "smallest") == plan.said("training/one") == ("fits", 1, "")
    (pool,) = [each for each in plan.report.pools if each.name == "a10g"]
    assert (pool.fills[0].nodes, pool.nodes, pool.fills[0].percent) == (1, 2, 50)
    assert plan.report.exit_code == 0


def test_the_second_run_waits_for_quota(root: Path) -> None:
    # vision has 1 GPU, speech has none: a cohort of 1.
    changes = {**QUEUES, "teams.speech.quota": NO_GPUS, "training": {"a": ONE_GPU, "b": ONE_GPU}}
    plan = local(root, changes)
    assert plan.said("training/a") == ("fits", 1, "")
    assert plan.said("training/b") == ("waits", 0, "Quota")
    assert plan.said("training/b", "smallest") == ("fits", 1, "")
    assert "it uses 1 with a quota of 1" in plan.of("training/b").message


def test_the_second_run_borrows_what_the_other_team_leaves_idle(root: Path) -> None:
    plan = local(root, {**QUEUES, "training": {"a": ONE_GPU, "b": ONE_GPU}})
    assert plan.said("training/a") == plan.said("training/b") == ("fits", 1, "")
    (vision,) = [each for each in plan.report.teams if each.name == "vision"]
    assert (vision.fills[0].used, vision.fills[0].limit, vision.fills[0].percent) == ("2 GPUs", "1 GPU", 200)


def test_a_team_that_may_not_borrow_waits(root: Path) -> None:
    limited = {"teams.vision.queue": {"borrowingLimit": {"gpus": 0}}}
    plan = local(root, {**QUEUES, **limited, "training": {"a": ONE_GPU, "b": ONE_GPU}})
    assert plan.said("training/b") == ("waits", 0, "BorrowingLimit")


def test_a_gang_that_is_larger_than_all_quotas_never_fits(root: Path) -> None:
    # Three workers of 1 GPU; both teams together have 2.
    plan = local(root, QUEUES, runs={"gang": runs(workers=3)})
    assert plan.said("scenario/gang", "smallest") == ("never", 0, "TooLarge")
    assert plan.report.exit_code == 1


def test_a_higher_priority_goes_first_and_stops_a_lower_one(root: Path) -> None:
    low, high = {**ONE_GPU, "priority": "low"}, {**ONE_GPU, "priority": "high"}
    changes = {**QUEUES, "teams.speech.quota": NO_GPUS, "training": {"a-low": low, "b-high": high}}
    plan = local(root, changes)
    assert plan.said("training/b-high") == ("fits", 1, "")
    assert plan.of("training/b-high").preempts == ["training/a-low"]
    assert plan.said("training/a-low") == ("waits", 0, "Priority")


def test_without_preemption_nothing_is_stopped(root: Path) -> None:
    low, high = {**ONE_GPU, "priority": "low"}, {**ONE_GPU, "priority": "high"}
    never = {"queues": {"preemption": {"withinClusterQueue": "Never"}}}
    changes = {**QUEUES, **never, "teams.speech.quota": NO_GPUS, "training": {"a-low": low, "b-high": high}}
    assert local(root, changes).of("training/b-high").preempts == []


def test_a_team_takes_back_what_another_one_has_borrowed(root: Path) -> None:
    # vision would use both GPUs; one is speech's.
    plan = local(root, QUEUES, runs={"vision": runs(2), "speech": runs(team="speech")})
    assert plan.said("scenario/vision") == ("waits", 1, "Quota")
    assert plan.said("scenario/speech") == ("fits", 1, "")
    assert plan.of("scenario/speech").preempts == ["scenario/vision"]


def test_teams_that_borrow_share_what_is_idle(root: Path) -> None:
    # Two pools' worth: 16 GPUs; a and b have 2 each, c has 12 idle. 8 of them for each.
    teams = {name: {"quota": {**QUOTA, "gpus": gpus}} for name, gpus in (("a", 2), ("b", 2), ("c", 12))}
    changes = {"queues": {}, "teams": {**teams, "vision": {"quota": NO_GPUS}}, "nodePools": {"h100": EIGHT}}
    many = {name: {"team": name, "pool": "h100", "gpus": 1, "count": 16} for name in ("a", "b")}
    plan = local(root, changes, runs=many)
    assert plan.said("scenario/a") == plan.said("scenario/b") == ("waits", 8, "Quota")


def test_forty_runs_of_eight_gpus_from_two_teams(root: Path) -> None:
    # 16 nodes of 8 GPUs; each team has 64 GPUs, so that 8 runs of each are admitted.
    quota = {"cpu": 1000, "memory": "4000Gi", "gpus": 64}
    pools = {"h100": {**EIGHT, "max": 16}}
    changes = {"queues": {}, "teams": {"vision": {"quota": quota}, "speech": {"quota": quota}}, "nodePools": pools}
    many = {team: {"team": team, "pool": "h100", "gpus": 8, "count": 20} for team in ("vision", "speech")}
    plan = local(root, {**changes, "limits": {"gpus": 128}}, runs=many)
    assert plan.said("scenario/vision") == plan.said("scenario/speech") == ("waits", 8, "Quota")
    assert plan.report.pools[0].fills[0].percent == 100


def test_the_quota_of_a_namespace_refuses_more_pods(root: Path) -> None:
    plan = local(root, {"teams.vision.quota": QUOTA}, runs={"more": runs(2)})
    assert plan.said("scenario/more")[:2] == ("waits", 1)
    assert plan.said("scenario/more", "smallest") == ("fits", 1, "")


def test_four_gpus_on_two_nodes_are_not_four_on_one(root: Path) -> None:
    # 5 + 5 of 8 + 8 leave 3 + 3.
    five = {**ONE_GPU, "pool": "h100", "gpus": 5}
    training = {"a": five, "b": five, "c": {**five, "gpus": 4}}
    plan = local(root, {"nodePools": {"h100": EIGHT}, "training": training})
    assert plan.said("training/c") == ("waits", 0, "Fragmentation")
    assert "a pod needs 4 GPUs, and 6 are free, but at most 3 on one node" in plan.of("training/c").message
    assert plan.said("training/c", "smallest") == ("fits", 1, "")


def test_arithmetic_cant_tell_how_the_scheduler_packs(root: Path) -> None:
    # Two pods of one GPU may be on one node or on both; only then is a node free.
    one = {**ONE_GPU, "pool": "h100"}
    plan = local(root, {"nodePools": {"h100": EIGHT}, "training": {"a": one, "b": one, "c": {**one, "gpus": 8}}})
    assert plan.said("training/a") == plan.said("training/b") == ("fits", 1, "")
    assert plan.said("training/c") == ("unknown", 0, "Fragmentation")
    assert plan.report.exit_code == 0


def test_a_run_that_fits_only_if_it_starts_first_is_not_certain(root: Path) -> None:
    # Declared first, the one of 8 GPUs has a whole node; started last, each node has a pod of one GPU.
    one = {**ONE_GPU, "pool": "h100"}
    plan = local(root, {"nodePools": {"h100": EIGHT}, "training": {"a": {**one, "gpus": 8}, "b": one, "c": one}})
    assert plan.said("training/a") == ("unknown", 0, "Fragmentation")
    assert plan.said("training/b") == plan.said("training/c") == ("fits", 1, "")


def test_a_small_run_fits_wherever_others_are(root: Path) -> None:
    # Two pods of one GPU, and perhaps one of 8: of 16 GPUs, 6 are free for sure, but 7 on one node are not.
    one = {**ONE_GPU, "pool": "h100"}
    training = {"a": {**one, "workers": 2}, "b": {**one, "gpus": 8}, "c": one, "d": {**one, "gpus": 7}}
    plan = local(root, {"nodePools": {"h100": EIGHT}, "training": training})
    assert plan.said("training/b") == ("unknown", 0, "Fragmentation")
    assert plan.said("training/c") == ("fits", 1, "")
    assert plan.said("training/d")[0] == "unknown"


@pytest.mark.parametrize(
    ("size", "more", "always"),
    [
        # Of two nodes of 8, 10 are used. A pod of 1 has no room if 16 are used: the seventh more.
        (1, 6, True),
        (1, 7, False),
        # A pod of 4 has no room on a node with 5 used, and 10 do that to both; one of 3 needs 6 used: 12.
        (4, 1, False),
        (3, 1, True),
    ],
)
def test_room_that_no_arrangement_takes(size: int, more: int, always: bool) -> None:
    pods = {(1, 1, 5, 1): 2}
    assert always_room(pods, (1, 1, size, 1), more, (10**6, 10**6, 8, 110), 2) is always


def test_a_run_that_never_fits_holds_nothing_that_others_wait_for(root: Path) -> None:
    changes = {**QUEUES, "nodePools.a10g.instance": {"cpu": 4, "memory": "8Gi"}}
    large = runs(resources={"cpu": 8, "memory": "1Gi"}, priority="high")
    plan = local(root, {**changes, "training": {"one": ONE_GPU}}, runs={"large": large, "other": runs()})
    assert plan.said("scenario/large") == ("never", 0, "NoSuchNode")
    assert plan.said("training/one") == plan.said("scenario/other") == ("fits", 1, "")


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        (["eu-central-1b"], ("never", 0, "ZoneLost")),
        (["eu-central-1a"], ("fits", 1, "")),
    ],
)
def test_a_pool_in_one_zone_is_lost_with_it(root: Path, zones: list[str], said: tuple[str, int, str]) -> None:
    reserved = {**ONE_GPU, "pool": "h100", "gpus": 8}
    plan = aws(root, {"training": {"big": reserved}}, lost={"zones": zones})
    assert plan.said("training/big") == said


def test_nodes_of_other_zones_may_replace_those_of_a_lost_one(root: Path) -> None:
    # 4 nodes in three zones: about 2 are lost with one of them, and may start elsewhere.
    lost = {"zones": ["eu-central-1a"]}
    assert aws(root, {}, runs={"some": runs(2)}, lost=lost).said("scenario/some") == ("fits", 2, "")
    assert aws(root, {}, runs={"some": runs(4)}, lost=lost).said("scenario/some")[0] == "unknown"
    assert aws(root, {}, runs={"some": runs(5)}, lost=lost).said("scenario/some")[0] == "waits"


def test_where_zones_are_not_declared_arithmetic_cant_tell_what_is_lost(root: Path) -> None:
    zone = {"nodePools.plain.labels": {"topology.kubernetes.io/zone": "a"}}
    plan = local(root, {**zone, "training": {"one": ONE_GPU}}, lost={"zones": ["a"]})
    assert plan.said("training/one") == ("unknown", 0, "ZoneLost")


def test_pods_tolerate_the_declared_taints_of_their_pool_and_no_other(root: Path) -> None:
    changes = {"nodePools.a10g.taints": ["example.com/team=vision:NoSchedule"], "training": {"one": ONE_GPU}}
    assert local(root, changes).said("training/one") == ("fits", 1, "")
    same = {"a10g": ["example.com/team=vision:NoSchedule"]}
    assert local(root, changes, taints=same).said("training/one") == ("fits", 1, "")
    added = {"a10g": ["example.com/repair=now:NoExecute"]}
    plan = local(root, changes, taints=added)
    assert plan.said("training/one") == ("never", 0, "Taint")
    assert "example.com/repair=now:NoExecute" in plan.of("training/one").message
    preferred = {"a10g": ["example.com/repair=now:PreferNoSchedule"]}
    assert local(root, changes, taints=preferred).said("training/one") == ("fits", 1, "")


def test_a_gang_runs_as_a_whole_or_not_at_all(root: Path) -> None:
    # 4 nodes of one GPU: a gang of 3 leaves one, which is too little for a gang of 2.
    pools = {"nodePools.a10g.max": 4}
    training = {"three": {**ONE_GPU, "workers": 3}, "two": {**ONE_GPU, "workers": 2}}
    plan = local(root, {**pools, "training": training})
    assert plan.said("training/three") == ("fits", 1, "")
    assert plan.said("training/two") == ("waits", 0, "PoolMaximum")
    (pool,) = [each for each in plan.report.pools if each.name == "a10g"]
    assert pool.fills[0].used == "3 GPUs"


@pytest.mark.parametrize(
    ("cpu", "said"),
    [
        # Of 8 cores the node exporter takes 25m, the GPUs' 100m, the collector of logs 25m: 7850m are left.
        ("3925m", ("fits", 2, "")),
        ("3926m", ("unknown", 1, "PoolMaximum")),
        # 8002m are more than there is without any DaemonSet.
        ("4001m", ("waits", 1, "PoolMaximum")),
    ],
)
def test_in_a_cluster_daemon_sets_may_take_their_part_of_what_is_declared(
    root: Path, cpu: str, said: tuple[str, int, str]
) -> None:
    two = {"team": "vision", "pool": "l4", "gpus": 1, "count": 2, "resources": {"cpu": cpu, "memory": "1Gi"}}
    monitored: dict[str, Any] = {"monitoring": {"logs": {}}, "teams.vision": {}, "training": {}}
    assert planned(root, in_cluster(**monitored), runs={"two": two}).said("scenario/two") == said


@pytest.mark.parametrize(
    ("cpu", "said"),
    [
        # Declared are 7 cores, so that each run has room by itself, and two of 3.5 together.
        ("3500m", ("fits", 2, "")),
        # m7i.2xlarge: 8000m without 90m for the kubelet and 25m for the node exporter leave 7885m. 2 x 3942m = 7884m.
        ("3942m", ("unknown", 1, "PoolMaximum")),
        # 7886m would fit without the DaemonSet.
        ("3943m", ("waits", 1, "PoolMaximum")),
    ],
)
def test_daemon_sets_take_their_part_of_a_node(root: Path, cpu: str, said: tuple[str, int, str]) -> None:
    plain = {"team": "vision", "pool": "plain", "count": 2, "resources": {"cpu": cpu, "memory": "1Gi"}}
    plan = aws(root, {"nodePools.plain.max": 1}, runs={"two": plain})
    assert plan.said("scenario/two") == said


def test_a_pool_has_its_maximum_of_nodes(root: Path) -> None:
    plan = local(root, {}, runs={"three": runs(3)})
    assert plan.said("scenario/three") == ("waits", 2, "PoolMaximum")
    assert plan.of("scenario/three").message == (
        "a pod needs 1 GPU, and 0 are free on the 2 nodes of pool a10g, which is its maximum"
    )
    assert plan.report.first_limit.startswith("scenario/three at 2 of 3: a pod needs 1 GPU")


def test_a_node_takes_110_pods(root: Path) -> None:
    # 111 x 10m = 1.11 of 4 cores, on one node.
    tiny = {"team": "vision", "pool": "plain", "count": 111, "resources": {"cpu": "10m", "memory": "16Mi"}}
    assert local(root, {}, runs={"tiny": tiny}).said("scenario/tiny") == ("waits", 110, "PoolMaximum")


def test_memory_is_scarce_where_cpu_is_not(root: Path) -> None:
    # 3 x 3Gi of 8Gi, 3 x 1 of 4 cores.
    much = {"team": "vision", "pool": "plain", "count": 3, "resources": {"cpu": 1, "memory": "3Gi"}}
    plan = local(root, {}, runs={"much": much})
    assert plan.said("scenario/much") == ("waits", 2, "PoolMaximum")
    (pool,) = [each for each in plan.report.pools if each.name == "plain"]
    assert (pool.fills[0].used, pool.fills[0].limit, pool.fills[0].percent) == ("6Gi memory", "8Gi memory", 75)


def test_a_pod_that_is_larger_than_a_node_never_fits(root: Path) -> None:
    plan = local(root, {}, runs={"huge": runs(gpus=2)})
    assert plan.said("scenario/huge") == ("never", 0, "NoSuchNode")


@pytest.mark.parametrize(("lost", "fitting"), [("50%", 2), (1, 3), ("51%", 1)])
def test_a_spot_interruption_leaves_the_other_nodes(root: Path, lost: object, fitting: int) -> None:
    # 4 nodes of one GPU; 51 % of them are 2.04, so 3.
    plan = aws(root, {}, runs={"four": runs(4)}, lost={"nodes": {"a10g": lost}})
    assert plan.said("scenario/four") == ("waits", fitting, "NodesLost")


def test_what_is_scarcer_is_the_reason(root: Path) -> None:
    # Both teams together may use 2 GPUs; after an interruption the pool has one.
    plan = local(root, QUEUES, runs={"three": runs(3)}, lost={"nodes": {"a10g": 1}})
    assert plan.said("scenario/three") == ("waits", 1, "NodesLost")


SERVED = {"team": "vision", "image": "serving", "model": "digits", "pool": "a10g", "gpus": 1}


def test_an_endpoint_in_a_rollout_stops_a_run_on_its_nodes(root: Path) -> None:
    # 4 GPUs: 2 replicas and a gang of 2 are 4, the third pod of a rollout takes one of the gang's.
    changes = {"serving": {"digits": SERVED}, "training": {"gang": {**ONE_GPU, "workers": 2}}}
    plan = aws(root, changes)
    assert plan.said("serving/digits") == ("fits", 2, "")
    assert plan.said("training/gang") == ("fits", 1, "")
    assert plan.said("serving/digits", "largest") == ("fits", 3, "")
    assert plan.of("serving/digits", "largest").preempts == ["training/gang"]
    assert plan.said("training/gang", "largest") == ("waits", 0, "PoolMaximum")
    assert plan.report.first_limit.startswith("serving/digits at 2 of 3 pods: a pod needs 1 GPU")


def test_a_gang_never_fits_beside_endpoints_that_always_run(root: Path) -> None:
    # 4 GPUs: 3 replicas leave 1.
    changes = {"serving": {"digits": {**SERVED, "replicas": 3}}, "training": {"gang": {**ONE_GPU, "workers": 2}}}
    plan = aws(root, changes)
    assert plan.said("training/gang", "smallest") == ("never", 0, "PoolMaximum")
    assert plan.report.exit_code == 1


def test_an_endpoint_has_three_sizes(root: Path) -> None:
    # 1 to 4 pods: usually 3 (2.5), and 5 in a rollout, of which the pool has 4.
    exposed = {"expose": {"host": "digits.ml.example.com", "callers": ["key"]}, "replicas": {"min": 1, "max": 4}}
    changes = {
        "secrets.key": {"team": "vision", "generate": True},
        "gateway": {
            "aws": {
                "certificate": "arn:aws:acm:eu-central-1:123456789012:certificate/"
                + "00000000-0000-0000-0000-000000000000"
            }
        },
        "serving": {"digits": {**SERVED, **exposed, "maxSurge": 0}},
    }
    plan = aws(root, changes)
    wanted = [plan.of("serving/digits", size).wanted for size in ("smallest", "usual", "largest")]
    assert wanted == [1, 3, 4]
    assert aws(root, changes, endpoints={"digits": 2}).of("serving/digits").wanted == 2


def test_pods_that_name_no_pool_share_nodes_that_are_not_declared(root: Path) -> None:
    assert local(root, {}).said("serving/digits") == ("unknown", 0, "Scheduler")
    # m7i.xlarge has 4 CPUs.
    plan = aws(root, {}, runs={"huge": {"team": "vision", "resources": {"cpu": 4, "memory": "1Gi"}}})
    assert plan.said("scenario/huge", "smallest") == ("never", 0, "NoSuchNode")


@pytest.mark.parametrize(
    ("sizes", "nodes"),
    [
        ({8: 2}, 2),
        ({5: 2, 4: 1}, 3),
        ({5: 2, 3: 2}, 2),
        ({3: 5}, 3),  # two on a node
        ({4: 3, 1: 4}, 2),
        ({1: 17}, 3),
        ({}, 0),
    ],
)
def test_least_nodes_of_eight_gpus(sizes: dict[int, int], nodes: int) -> None:
    assert least_nodes({(1, 1, size, 1): count for size, count in sizes.items()}, (10**6, 10**6, 8, 110)) == nodes


def test_no_number_of_nodes_holds_a_pod_that_is_too_large() -> None:
    assert not can_hold({(1, 1, 9, 1): 1}, (10, 10, 8, 110), 1000)
