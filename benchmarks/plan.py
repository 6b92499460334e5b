"""How long `make plan` takes for a large fleet in both forms, and how much memory that needs.

    python -m benchmarks.plan [--nodes 1000] [--pods 10000]

Nodes have eight GPUs. Four teams that lend each other their quota submit runs of 1, 4 and 8 GPUs, some of several
workers, of which more are declared than fit.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from benchmarks.meanwhile import repeated
from cli.capacity import verdict
from cli.capacity.fleet import Fleet, fleet
from cli.capacity.report import Report
from cli.capacity.scenario import Scenario
from cli.capacity.simulation import examine as simulation
from common.console import Progress
from common.environment import prepare
from infra.declaration.loader import declare
from offline import machine
from offline.simulation import memory
from tests.unit.declaration.samples import WHERE, project, small

GPUS_PER_NODE = 8
TEAMS = ("red", "green", "blue", "grey")
SIZES = {
    "one": (1, 1, 70),
    "four": (4, 1, 10),
    "eight": (8, 1, 10),
    "gang": (8, 2, 5),
}
"""GPUs of a pod, workers, and the part of the pods in percent."""
_MIB = 2**20


def large(nodes: int, pods: int, root: Path) -> Fleet:
    """A fleet of one pool."""
    share = nodes // len(TEAMS)
    quota = {"cpu": 64 * share, "memory": f"{512 * share}Gi", "gpus": GPUS_PER_NODE * share, "pods": pods}
    node = {"cpu": 64, "memory": "512Gi"}
    pool = {"instance": node, "gpu": {"model": "NVIDIA-H100", "count": GPUS_PER_NODE}, "max": nodes}
    declaration = small(
        **{
            "training": {},
            "serving": {},
            "queues": {},
            "limits": {"gpus": GPUS_PER_NODE * nodes},
            "nodePools": {"h100": pool},
            "teams": {**{team: {"quota": quota} for team in TEAMS}, "vision": {"quota": {**quota, "gpus": 0}}},
        }
    )
    scenario = Scenario.model_validate({"runs": dict(_runs(pods))})
    return fleet(declare(declaration, WHERE, root), scenario)


def _runs(pods: int) -> Any:
    for team in TEAMS:
        for name, (gpus, workers, percent) in SIZES.items():
            count = pods * percent // 100 // len(TEAMS) // workers
            resources = {"cpu": 4 * gpus, "memory": f"{32 * gpus}Gi"}
            run = {"team": team, "pool": "h100", "gpus": gpus, "workers": workers, "count": count}
            yield f"{team}-{name}", {**run, "resources": resources}


def timed(what: str, examine: Callable[[], Report]) -> None:
    """Print how long it takes, and what it says."""
    began = time.monotonic()
    report = examine()
    print(f"{what}: {time.monotonic() - began:.0f} s; {report.headline()}", flush=True)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--simulation", action="store_true", help="not by arithmetic")
    arguments = parser.parse_args()
    prepare()
    machine.ensure_simulation(Progress())
    with TemporaryDirectory() as folder:
        found = large(arguments.nodes, arguments.pods, project(Path(folder)))
    runs = sum(each.count for each in found.demand.runs)
    pods = sum(each.count * each.request.pods for each in found.demand.runs)
    print(f"{arguments.nodes} nodes, {GPUS_PER_NODE * arguments.nodes} GPUs, {runs} runs, {pods} pods", flush=True)
    if not arguments.simulation:
        timed("arithmetic", lambda: verdict.examine("dev", found))
    most = [0]

    def sample() -> None:
        most[0] = max(most[0], memory())

    with repeated(sample, 1, Event()):
        timed("simulation", lambda: simulation.examine("dev", found, "", lambda each: print(f"  {each}", flush=True)))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"memory at most: {most[0] // _MIB} MiB of the control plane, {own} MiB of the command")


if __name__ == "__main__":
    main()
