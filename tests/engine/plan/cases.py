"""Fleets whose plan is computed by hand, for both forms of `make plan`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.unit.cli.test_capacity import EIGHT, NO_GPUS, NO_JOB, ONE_GPU, QUEUES, QUOTA, SERVED, runs
from tests.unit.declaration.samples import in_cluster, on_aws, small

Said = tuple[str, int, str]
"""Outcome, how many fit, and the reason."""
LARGE = {"cpu": 1000, "memory": "4000Gi"}
ON_H100 = {**ONE_GPU, "pool": "h100"}
H100 = {"nodePools": {"h100": EIGHT}}
LOW, HIGH = {**ONE_GPU, "priority": "low"}, {**ONE_GPU, "priority": "high"}
HALF = {"cpu": "500m", "memory": "512Mi"}
FITS: Said = ("fits", 1, "")


@dataclass(frozen=True)
class Case:
    name: str
    changes: Mapping[str, Any]
    said: Mapping[str, Said]
    """By workload at its usual size, or by `workload size`."""
    scenario: Mapping[str, Any] = field(default_factory=dict)
    stops: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By workload, as in `said`."""
    sample: Callable[..., dict[str, Any]] = small

    def declaration(self) -> dict[str, Any]:
        nothing = NO_JOB if self.sample is not in_cluster else {"training": {}, "teams.vision": {}}
        return self.sample(**{**nothing, **self.changes})


CASES = (
    Case("a free node", {"training": {"one": ONE_GPU}}, {"training/one": FITS, "training/one smallest": FITS}),
    Case(
        "the longest names",
        {"training": {"a" * 50: ONE_GPU}, "serving": {"e" * 63: SERVED}},
        {f"training/{'a' * 50}": FITS, f"serving/{'e' * 63}": ("fits", 2, "")},
        sample=on_aws,
    ),
    Case(
        # Two nodes of one GPU.
        "a pool at its maximum",
        {},
        {"scenario/three": ("waits", 2, "PoolMaximum"), "scenario/three smallest": FITS},
        {"runs": {"three": runs(3)}},
    ),
    Case(
        "a pod larger than a node", {}, {"scenario/huge": ("never", 0, "NoSuchNode")}, {"runs": {"huge": runs(gpus=2)}}
    ),
    Case(
        # vision has 1 GPU, speech none.
        "a quota in use",
        {**QUEUES, "teams.speech.quota": NO_GPUS, "training": {"a": ONE_GPU, "b": ONE_GPU}},
        {"training/a": FITS, "training/b": ("waits", 0, "Quota"), "training/b smallest": FITS},
    ),
    Case(
        "quota that another team leaves idle",
        {**QUEUES, "training": {"a": ONE_GPU, "b": ONE_GPU}},
        {"training/a": FITS, "training/b": FITS},
    ),
    Case(
        "a team that may not borrow",
        {
            **QUEUES,
            "teams.vision.queue": {"borrowingLimit": {"gpus": 0}},
            "training": {"a": ONE_GPU, "b": ONE_GPU},
        },
        {"training/a": FITS, "training/b": ("waits", 0, "BorrowingLimit")},
    ),
    Case(
        # Three workers of 1 GPU; both teams together have 2.
        "a gang larger than all quotas",
        QUEUES,
        {"scenario/gang": ("never", 0, "TooLarge"), "scenario/gang smallest": ("never", 0, "TooLarge")},
        {"runs": {"gang": runs(workers=3)}},
    ),
    Case(
        "a higher priority in the same team",
        {**QUEUES, "teams.speech.quota": NO_GPUS, "training": {"a-low": LOW, "b-high": HIGH}},
        {"training/b-high": FITS, "training/a-low": ("waits", 0, "Priority")},
        stops={"training/b-high": ["training/a-low"]},
    ),
    Case(
        "a higher priority that may stop nothing",
        {
            **QUEUES,
            "queues": {"preemption": {"withinClusterQueue": "Never"}},
            "teams.speech.quota": NO_GPUS,
            "training": {"a-low": LOW, "b-high": HIGH},
        },
        {"training/b-high": FITS, "training/a-low": ("waits", 0, "Priority")},
        stops={"training/b-high": []},
    ),
    Case(
        # vision would use both GPUs; one is speech's.
        "a team that takes back its quota",
        QUEUES,
        {"scenario/vision": ("waits", 1, "Quota"), "scenario/speech": FITS},
        {"runs": {"vision": runs(2), "speech": runs(team="speech")}},
        stops={"scenario/speech": ["scenario/vision"]},
    ),
    Case(
        # 16 GPUs: a and b have 2 each, c has 12 idle; 8 for each.
        "fair shares of what is idle",
        {
            "queues": {},
            "teams": {
                **{name: {"quota": {**QUOTA, "gpus": gpus}} for name, gpus in (("a", 2), ("b", 2), ("c", 12))},
                "vision": {"quota": NO_GPUS},
            },
            **H100,
        },
        {"scenario/a": ("waits", 8, "Quota"), "scenario/b": ("waits", 8, "Quota")},
        {"runs": {name: {"team": name, "pool": "h100", "gpus": 1, "count": 16} for name in ("a", "b")}},
    ),
    Case(
        # 16 nodes of 8 GPUs; each team has 64 GPUs.
        "forty runs of eight GPUs from two teams",
        {
            "queues": {},
            "teams": {team: {"quota": {**LARGE, "gpus": 64}} for team in ("vision", "speech")},
            "nodePools": {"h100": {**EIGHT, "max": 16}},
            "limits": {"gpus": 128},
        },
        {"scenario/vision": ("waits", 8, "Quota"), "scenario/speech": ("waits", 8, "Quota")},
        {"runs": {team: {"team": team, "pool": "h100", "gpus": 8, "count": 20} for team in ("vision", "speech")}},
    ),
    Case(
        # 1 GPU, and no queue in which a second run would wait.
        "the quota of a namespace",
        {"teams.vision.quota": QUOTA},
        {"scenario/more": ("waits", 1, "Quota"), "scenario/more smallest": FITS},
        {"runs": {"more": runs(2)}},
    ),
    Case(
        # Of 1.5 cores an endpoint of two pods takes 2 x 0.5, wherever they are: one run of 0.5 is left.
        "an endpoint in the quota of a namespace",
        {
            "teams.vision.quota": {**QUOTA, "cpu": "1500m"},
            "serving": {"digits": {"team": "vision", "image": "serving", "model": "digits", "resources": HALF}},
        },
        {
            "serving/digits": ("unknown", 0, "Scheduler"),
            "scenario/two": ("waits", 1, "Quota"),
            "scenario/large": ("unknown", 0, "Scheduler"),
        },
        {"runs": {"two": runs(2, gpus=0), "large": {"team": "speech", "resources": HALF}}},
    ),
    Case(
        # 5 + 5 of 8 + 8 leave 3 + 3.
        "four GPUs on two nodes",
        {
            **H100,
            "training": {
                "a": {**ON_H100, "gpus": 5},
                "b": {**ON_H100, "gpus": 5},
                "c": {**ON_H100, "gpus": 4},
            },
        },
        {"training/a": FITS, "training/b": FITS, "training/c": ("waits", 0, "Fragmentation")},
    ),
    Case(
        # The scheduler spreads: two pods of one GPU are on both nodes.
        "no whole node",
        {**H100, "training": {"a": ON_H100, "b": ON_H100, "c": {**ON_H100, "gpus": 8}}},
        {"training/a": FITS, "training/b": FITS, "training/c": ("waits", 0, "Fragmentation")},
    ),
    Case(
        # 4 nodes of one GPU: a gang of 3 leaves one.
        "a gang as a whole or not at all",
        {
            "nodePools.a10g.max": 4,
            "training": {"three": {**ONE_GPU, "workers": 3}, "two": {**ONE_GPU, "workers": 2}},
        },
        {"training/three": FITS, "training/two": ("waits", 0, "PoolMaximum"), "training/two smallest": FITS},
    ),
    Case(
        # Of 4 nodes the gang of 3 finds two free ones only, and leaves them to the two that come after it.
        "a gang that leaves its nodes to others",
        {
            "nodePools.a10g.max": 4,
            "training": {
                "two": {**ONE_GPU, "workers": 2},
                "three": {**ONE_GPU, "workers": 3},
                "x": ONE_GPU,
                "y": ONE_GPU,
            },
        },
        {
            "training/two": FITS,
            "training/three": ("waits", 0, "PoolMaximum"),
            "training/x": FITS,
            "training/y": FITS,
        },
    ),
    Case(
        # 111 x 10m = 1.11 of 4 cores, on one node.
        "a node takes 110 pods",
        {},
        {"scenario/tiny": ("waits", 110, "PoolMaximum")},
        {
            "runs": {
                "tiny": {"team": "vision", "pool": "plain", "count": 111, "resources": {"cpu": "10m", "memory": "16Mi"}}
            }
        },
    ),
    Case(
        # 3 x 3Gi of 8Gi.
        "memory is scarce",
        {},
        {"scenario/much": ("waits", 2, "PoolMaximum")},
        {"runs": {"much": {"team": "vision", "pool": "plain", "count": 3, "resources": {"cpu": 1, "memory": "3Gi"}}}},
    ),
    Case(
        "a taint that somebody adds",
        {"training": {"one": ONE_GPU}},
        {"training/one": ("never", 0, "Taint")},
        {"taints": {"a10g": ["example.com/repair=now:NoExecute"]}},
    ),
    Case(
        "a declared taint",
        {"nodePools.a10g.taints": ["example.com/team=vision:NoSchedule"], "training": {"one": ONE_GPU}},
        {"training/one": FITS},
        {"taints": {"a10g": ["example.com/team=vision:NoSchedule"]}},
    ),
    Case(
        # 4 nodes of one GPU.
        "a spot interruption of half a pool",
        {},
        {"scenario/four": ("waits", 2, "NodesLost")},
        {"runs": {"four": runs(4)}, "lost": {"nodes": {"a10g": "50%"}}},
        sample=on_aws,
    ),
    Case(
        "a pool in a lost zone",
        {"training": {"big": {**ON_H100, "gpus": 8}}},
        {"training/big": ("never", 0, "ZoneLost")},
        {"lost": {"zones": ["eu-central-1b"]}},
        sample=on_aws,
    ),
    Case(
        # 4 nodes in three zones: about 2 are lost, and may start elsewhere.
        "a lost zone of three",
        {},
        {"scenario/some": ("unknown", 2, "ZoneLost")},
        {"runs": {"some": runs(4)}, "lost": {"zones": ["eu-central-1a"]}},
        sample=on_aws,
    ),
    Case(
        # Of 8 cores the node exporter takes 25m, the GPUs' 100m, the collector of logs 25m: 7850m are left.
        "DaemonSets take their part of a node",
        {"monitoring": {"logs": {}}},
        {"scenario/two": ("waits", 1, "PoolMaximum"), "scenario/half": FITS},
        {
            "runs": {
                "two": {
                    "team": "vision",
                    "pool": "l4",
                    "gpus": 1,
                    "count": 2,
                    "resources": {"cpu": "3926m", "memory": "1Gi"},
                },
                "half": {"team": "vision", "pool": "l4", "resources": {"cpu": "3924m", "memory": "1Gi"}},
            }
        },
        sample=in_cluster,
    ),
    Case(
        # 4 GPUs: 2 replicas and a gang of 2 are 4; the third pod of a rollout takes one of the gang's.
        "an endpoint that takes nodes from a run",
        {"serving": {"digits": SERVED}, "training": {"gang": {**ONE_GPU, "workers": 2}}},
        {
            "serving/digits": ("fits", 2, ""),
            "training/gang": FITS,
            "serving/digits largest": ("fits", 3, ""),
            "training/gang largest": ("waits", 0, "PoolMaximum"),
        },
        stops={"serving/digits largest": ["training/gang"], "serving/digits": []},
        sample=on_aws,
    ),
    Case(
        # 4 GPUs: 3 replicas leave 1.
        "a gang beside endpoints that always run",
        {"serving": {"digits": {**SERVED, "replicas": 3}}, "training": {"gang": {**ONE_GPU, "workers": 2}}},
        {"training/gang smallest": ("never", 0, "PoolMaximum"), "serving/digits largest": ("fits", 4, "")},
        sample=on_aws,
    ),
)
