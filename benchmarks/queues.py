"""How fast jobs leave their queues, what memory that takes, and how long `make status` takes meanwhile.

    sudo ML_PLATFORM_BIN=... python -m benchmarks.queues [--jobs 2000] [--nodes 200] [--gpus 1]

Jobs of two teams, of 1, 4 and 8 GPUs as 7 : 2 : 1 or all of one size, are submitted to held queues, which are then
released together: so the rate is that of the queues. Everything is the platform's own: Kueue as it configures it, and
the local cluster, whose simulated nodes have eight GPUs each and end each pod as soon as it runs.

Kueue publishes 42.7 admissions a second: 15,000 Workloads (30 queues of 500) in 351 s, the mean of five runs in
test/performance/scheduler/configs/baseline/rangespec.yaml and generator.yaml of kubernetes-sigs/kueue at 056cce0e3ca9.
These have neither Jobs nor pods, nor webhooks, in front of the same limit of 50 requests a second.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any
from uuid import uuid4

from kubernetes import client, config

from benchmarks.meanwhile import Memory, StatusCommands, repeated
from common import paths
from infra.catalogue.images import JOBSET, KUEUE
from infra.catalogue.names import POOL_LABEL, QUEUE_LABEL, QUEUE_PRIORITY_LABEL
from infra.queues.quotas import cluster_queue
from offline import docker_engine
from offline.cluster import pause_image
from tests.cluster.monitoring.images import provide
from tests.cluster.queues.pulumi_program import program
from tests.pulumi_engine import Pulumi

PUBLISHED = 15_000 / 351.1
GPUS_PER_NODE = 8
PRIORITIES = {1: "low", 4: "normal", 8: "high"}
MIXED = (1, 1, 1, 1, 1, 1, 1, 4, 4, 8)
"""GPUs of each ten jobs."""
AT_A_TIME = 16
_QUEUES = ("kueue.x-k8s.io", "v1beta2", "clusterqueues")
_WORKLOADS = "workloads"


class Platform:
    """Two teams that share the pool half and half, and lend each other what they don't use."""

    def __init__(self, nodes: int, sizes: Sequence[int]) -> None:
        self.name, self.nodes, self.sizes = f"scale-{uuid4().hex[:6]}", nodes, sizes
        self.api = config.new_client_from_config(str(paths.KUBECONFIG))
        self.api.configuration.connection_pool_maxsize = AT_A_TIME
        self.api = client.ApiClient(self.api.configuration)
        self.core, self.batch = client.CoreV1Api(self.api), client.BatchV1Api(self.api)
        self.objects = client.CustomObjectsApi(self.api)
        self.pool = f"{self.name}-pool"
        self.teams = [f"{self.name}-{team}" for team in ("red", "blue")]

    @property
    def gpus(self) -> int:
        return self.nodes * GPUS_PER_NODE

    def declaration(self) -> dict[str, Any]:
        share = self.nodes // len(self.teams)
        quota = {"cpu": 64 * share, "memory": f"{256 * share}Gi", "gpus": GPUS_PER_NODE * share, "pods": 10_000}
        gpu = {"model": "NVIDIA-H100", "count": GPUS_PER_NODE}
        return {
            "foundation": {"local": {}},
            "namespace": self.name,
            "queues": {},
            "limits": {"gpus": self.gpus},
            "teams": {team: {"quota": quota} for team in self.teams},
            "nodePools": {
                self.pool: {"instance": {"cpu": 64, "memory": "256Gi"}, "gpu": gpu, "max": self.nodes},
            },
        }

    @contextmanager
    def up(self) -> Iterator[None]:
        images = provide(docker_engine.client(), [KUEUE, JOBSET])
        with TemporaryDirectory() as folder, self._with_nodes():
            stack = Pulumi(Path(folder), {"KUBECONFIG": str(paths.KUBECONFIG)})
            with stack:
                stack.program(program(self.name, self.pool, images, self.declaration()))
                stack.up()
                yield

    @contextmanager
    def _with_nodes(self) -> Iterator[None]:
        names = [f"{self.pool}-{number}" for number in range(self.nodes)]
        in_parallel(self._create_node, names)
        try:
            yield
        finally:
            in_parallel(self.core.delete_node, names)

    def _create_node(self, name: str) -> None:
        labels = {"type": "kwok", POOL_LABEL: self.pool}
        offered = {"cpu": "64", "memory": "256Gi", "pods": "110", "nvidia.com/gpu": str(GPUS_PER_NODE)}
        self.core.create_node(
            {
                "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": labels},
                "spec": {"taints": [{"key": self.pool, "effect": "NoSchedule"}]},
                "status": {"allocatable": offered, "capacity": offered},
            }
        )

    def submit(self, number: int) -> None:
        """As the platform does: suspended, in the queue of a team."""
        team, gpus = self.team_of(number), self.gpus_of(number)
        labels = {QUEUE_LABEL: team, QUEUE_PRIORITY_LABEL: f"{self.name}-{PRIORITIES[gpus]}"}
        spec = {"suspend": True, "backoffLimit": 0, "template": self._template(gpus)}
        self.batch.create_namespaced_job(team, {"metadata": {"name": f"job-{number}", "labels": labels}, "spec": spec})

    def team_of(self, number: int) -> str:
        return self.teams[number // len(self.sizes) % len(self.teams)]

    def gpus_of(self, number: int) -> int:
        return self.sizes[number % len(self.sizes)]

    def _template(self, gpus: int) -> dict[str, Any]:
        amounts = {"cpu": "100m", "memory": "64Mi", "nvidia.com/gpu": str(gpus)}
        security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
        container = {
            "name": "main",
            "image": pause_image.REFERENCE,
            "resources": {"requests": amounts, "limits": amounts},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        return {
            "spec": {
                "restartPolicy": "Never",
                "priorityClassName": f"{self.name}-training",
                "nodeSelector": {POOL_LABEL: self.pool},
                "tolerations": [{"key": self.pool, "operator": "Exists"}],
                "securityContext": security,
                "containers": [container],
            }
        }

    def stop(self, policy: str) -> None:
        """`Hold` admits nothing, `None` everything that fits."""
        change = {"spec": {"stopPolicy": policy}}
        names = [cluster_queue(self.name, team) for team in self.teams]
        in_parallel(lambda name: self.objects.patch_cluster_custom_object(*_QUEUES, name, change), names)

    def in_queues(self) -> tuple[int, int]:
        """How many jobs are waiting, and how many have quota."""
        queues = [
            self.objects.get_cluster_custom_object(*_QUEUES, cluster_queue(self.name, team)).get("status", {})
            for team in self.teams
        ]
        waiting, reserving = ("pendingWorkloads", "reservingWorkloads")
        return sum(each.get(waiting, 0) for each in queues), sum(each.get(reserving, 0) for each in queues)

    def workloads(self) -> list[Mapping[str, Any]]:
        group, version, _ = _QUEUES
        return [
            each
            for team in self.teams
            for each in self.objects.list_namespaced_custom_object(group, version, team, _WORKLOADS)["items"]
        ]


def in_parallel(call: Callable[[Any], object], values: Sequence[Any]) -> float:
    """The seconds that all calls take."""
    began = time.monotonic()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(call, values))
    return time.monotonic() - began


def wait(platform: Platform, reached: Callable[[int, int], bool], what: str) -> float:
    """The seconds until the queues are as wanted; progress is printed."""
    began = shown = time.monotonic()
    while True:
        waiting, reserving = platform.in_queues()
        if reached(waiting, reserving):
            return time.monotonic() - began
        if time.monotonic() - shown > 15:
            shown = time.monotonic()
            print(f"  {what}: {waiting} wait, {reserving} have quota", flush=True)
        time.sleep(0.5)


def moment(workload: Mapping[str, Any], condition: str) -> float:
    """When it has become true, in whole seconds."""
    (found,) = [each for each in workload["status"]["conditions"] if each["type"] == condition]
    return datetime.fromisoformat(found["lastTransitionTime"]).timestamp()


def report_admissions(platform: Platform, released: float) -> None:
    """While there was quota, and in all."""
    found = sorted((moment(each, "QuotaReserved"), _gpus(each)) for each in platform.workloads())
    used, before_full = 0, 0
    for _, gpus in found:
        used += gpus
        before_full += used <= platform.gpus
    until_full, until_last = found[before_full - 1][0] - released, found[-1][0] - released
    print(
        f"admissions until all GPUs were in use: {before_full} in {until_full:.0f} s, {before_full / until_full:.1f}/s"
    )
    print(f"admissions in all: {len(found)} in {until_last:.0f} s, {len(found) / until_last:.1f}/s")
    print(f"Kueue publishes {PUBLISHED:.1f}/s")


def _gpus(workload: Mapping[str, Any]) -> int:
    (part,) = workload["status"]["admission"]["podSetAssignments"]
    return int(part["resourceUsage"]["nvidia.com/gpu"])


def report_jobs(platform: Platform, number: int) -> None:
    """Every job has succeeded once."""
    jobs = [job for team in platform.teams for job in platform.batch.list_namespaced_job(team).items]
    complete = {job.metadata.name for job in jobs if _is_complete(job) and job.status.succeeded == 1}
    pods = [pod for team in platform.teams for pod in platform.core.list_namespaced_pod(team).items]
    stopped: Counter[str] = Counter()
    for each in platform.workloads():
        stopped.update(_evictions(each))
    print(f"{len(complete)} of {number} jobs complete, in {len(pods)} pods; stopped and started again: {dict(stopped)}")
    if complete != {f"job-{each}" for each in range(number)} or len(jobs) != number:
        raise SystemExit("jobs were lost")


def _is_complete(job: client.V1Job) -> bool:
    return any(each.type == "Complete" and each.status == "True" for each in job.status.conditions or [])


def _evictions(workload: Mapping[str, Any]) -> dict[str, int]:
    """How often it was stopped, by the reason."""
    found = workload["status"].get("schedulingStats", {}).get("evictions", [])
    return {each["reason"]: each["count"] for each in found}


def measure(platform: Platform, number: int) -> None:
    memory, commands = Memory(), StatusCommands(platform.api, platform.teams[0], f"job-{last_small(platform, number)}")
    done = Event()
    with repeated(memory.sample, 0.5, done):
        platform.stop("Hold")
        seconds = in_parallel(platform.submit, range(number))
        print(f"submitted: {number} in {seconds:.0f} s, {number / seconds:.1f}/s", flush=True)
        wait(platform, lambda waiting, _: waiting == number, "until Kueue knows them all")
        commands.run()
        commands.report("while all wait")
        released = time.time()
        with repeated(commands.run, 1, done):
            platform.stop("None")
            seconds = wait(platform, lambda waiting, reserving: waiting + reserving == 0, "running")
            done.set()
    print(f"all ended after {seconds:.0f} s")
    report_admissions(platform, released)
    report_jobs(platform, number)
    commands.report("while they run")
    memory.report()


def last_small(platform: Platform, number: int) -> int:
    """The job of the first team that waits longest: the last one of the lowest priority."""
    first, smallest = platform.teams[0], min(platform.sizes)
    return max(each for each in range(number) if platform.team_of(each) == first and platform.gpus_of(each) == smallest)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--gpus", type=int, choices=PRIORITIES, help="of each job; by default they differ")
    arguments = parser.parse_args()
    platform = Platform(arguments.nodes, (arguments.gpus,) if arguments.gpus else MIXED)
    sizes = ", ".join(str(size) for size in sorted({*platform.sizes}))
    print(f"{arguments.jobs} jobs of {sizes} GPUs, {arguments.nodes} nodes with {platform.gpus} GPUs", flush=True)
    with platform.up():
        measure(platform, arguments.jobs)


if __name__ == "__main__":
    main()
