"""The pods of a planned stack: how many there are at each size, and what they request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from infra.catalogue.aws.prices import HOURS
from infra.catalogue.names import POOL_LABEL
from infra.cost.amounts import SIZES, Amounts, Size, always, at_each
from infra.declaration.model import Platform
from infra.declaration.pool_nodes import GPU
from infra.declaration.types import cpu_millis, memory_bytes
from infra.workloads.batch.schedule import runs_a_month
from infra.workloads.batch.settings import Batch
from infra.workloads.kind import Request
from infra.workloads.serving.scaling import Replicas

Step = Mapping[str, Any]
SERVERS = ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet")
_HOSTNAME = "kubernetes.io/hostname"


@dataclass(frozen=True)
class Node:
    """What one node offers to pods."""

    cpu: int
    """Thousandths of a core."""
    memory: int
    """Bytes."""
    gpus: int = 0


@dataclass(frozen=True)
class Pods:
    """Pods that are alike, by what each requests."""

    team: str | None
    pool: str | None
    cpu: int
    memory: int
    gpus: int
    numbers: Amounts
    spread: bool = False
    """Whether no two of them share a node."""
    part: Decimal = Decimal(1)
    """Of the month in which they usually run."""

    def number(self, size: Size) -> int:
        """While they run."""
        return int(self.numbers.at(size))

    def of_node(self, node: Node) -> Decimal:
        """The part of a node that one of them takes: of the resource that it takes most of."""
        parts = ((self.cpu, node.cpu), (self.memory, node.memory), (self.gpus, node.gpus))
        return max((Decimal(asked) / offered for asked, offered in parts if offered), default=Decimal())

    def on_average(self, size: Size) -> Decimal:
        """Over the month."""
        return self.number(size) * (self.part if size == "usual" else Decimal(1))


def pods(platform: Platform, steps: Iterable[Step]) -> Iterator[Pods]:
    """Of the planned servers, and of the declared jobs."""
    for step in steps:
        if step["type"] in SERVERS:
            yield _server(platform, step)
    for kind, _, workload in platform.workloads():
        if kind.queued:
            yield _job(workload.team, kind.request(workload), _part_of_month(workload))


def _server(platform: Platform, step: Step) -> Pods:
    spec, namespace = spec_of(step), team_of(platform, step)
    pod = (spec.get("template") or {}).get("spec") or {}
    asked = [(container.get("resources") or {}).get("requests") or {} for container in pod.get("containers") or []]
    keys = [each.get("topologyKey") for each in pod.get("topologySpreadConstraints") or []]
    return Pods(
        namespace,
        (pod.get("nodeSelector") or {}).get(POOL_LABEL),
        sum(cpu_millis(str(each.get("cpu", "0"))) for each in asked),
        sum(memory_bytes(each["memory"]) for each in asked if "memory" in each),
        sum(int(each.get(GPU, 0)) for each in asked),
        _replicas(platform, namespace, step),
        _HOSTNAME in keys,
    )


def spec_of(step: Step) -> Mapping[str, Any]:
    """Of an object in the cluster; empty if the plan does not know it."""
    spec = step["inputs"].get("spec")
    return spec if isinstance(spec, Mapping) else {}


def whole_number(value: object) -> int | None:
    """None if it is absent, or not known in the plan."""
    return int(value) if isinstance(value, int | float) else None


def team_of(platform: Platform, step: Step) -> str | None:
    """The team in whose namespace it is; None: the platform's own."""
    namespace = (step["inputs"].get("metadata") or {}).get("namespace")
    return namespace if namespace in platform.teams else None


def _replicas(platform: Platform, team: str | None, step: Step) -> Amounts:
    """An autoscaler sets those of an endpoint with a range, whose Deployment starts with at least one."""
    name = (step["inputs"].get("metadata") or {}).get("name")
    endpoint = platform.serving.get(name) if name else None
    if endpoint is not None and endpoint.team == team:
        return at_each(lambda size: Decimal(_of_range(endpoint.replicas, size)))
    number = whole_number(spec_of(step).get("replicas"))
    return always(Decimal(1 if number is None else number))


def _of_range(replicas: Replicas, size: Size) -> int:
    return dict(zip(SIZES, (replicas.min, replicas.usual, replicas.max), strict=True))[size]


def _job(team: str, asked: Request, part: Decimal) -> Pods:
    resources = asked.resources
    numbers = Amounts(Decimal(), Decimal(asked.pods if part else 0), Decimal(asked.pods))
    cpu, memory = cpu_millis(resources.cpu), memory_bytes(resources.memory)
    return Pods(team, asked.pool, cpu, memory, asked.gpus, numbers, part=part)


def _part_of_month(workload: object) -> Decimal:
    """In which a job with a schedule runs, each time until its deadline; other jobs are started by somebody."""
    if not isinstance(workload, Batch) or workload.schedule is None:
        return Decimal()
    return min(Decimal(1), runs_a_month(workload.schedule) * workload.timeout / (HOURS * 3600))
