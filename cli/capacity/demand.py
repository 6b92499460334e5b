"""What a stack wants to run: endpoints with their numbers of pods, and runs of training and batch jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cli.capacity.scenario import Scenario
from infra.declaration.model import Platform
from infra.declaration.queues import UNDECLARED
from infra.workloads.batch.settings import Batch
from infra.workloads.kind import Job, Request
from infra.workloads.serving.settings import Serving, request

SIZES = ("smallest", "usual", "largest")
SMALLEST, USUAL, LARGEST = SIZES


@dataclass(frozen=True)
class Endpoint:
    """`name` includes the section, such as `serving/digits`."""

    name: str
    team: str
    request: Request
    """Its `pods` are those of a rollout."""
    pods: Mapping[str, int]
    """By size: the minimum, halfway to the maximum, and the maximum in a rollout."""

    def with_pods(self, pods: int) -> Request:
        """So many of its pods."""
        return replace(self.request, pods=pods)


@dataclass(frozen=True)
class Runs:
    """Runs that are alike; a declared job has one at a time."""

    name: str
    team: str
    request: Request
    """Of one run, whose pods start together."""
    priority: int = 0
    count: int = 1
    overlapping: bool = False
    """Whether more may start at any time (`concurrencyPolicy: Allow`)."""


@dataclass(frozen=True)
class Demand:
    """Runs are in the order of the declaration, then of the scenario."""

    endpoints: Sequence[Endpoint]
    runs: Sequence[Runs]


def demand(platform: Platform, scenario: Scenario) -> Demand:
    """All that is declared, with the numbers and the further runs of a scenario."""
    endpoints = [_endpoint(name, each, scenario) for name, each in platform.serving.items()]
    return Demand(endpoints, [*_declared(platform), *_further(platform, scenario)])


def _endpoint(name: str, endpoint: Serving, scenario: Scenario) -> Endpoint:
    replicas, canary = endpoint.replicas, endpoint.canary.replicas if endpoint.canary else 0
    asked = request(endpoint)
    usual = scenario.endpoints.get(name, replicas.usual)
    pods = {SMALLEST: replicas.min + canary, USUAL: usual + canary, LARGEST: asked.pods}
    return Endpoint(f"serving/{name}", endpoint.team, asked, pods)


def _declared(platform: Platform) -> Iterator[Runs]:
    for kind, name, job in platform.workloads():
        if isinstance(job, Job):
            overlapping = isinstance(job, Batch) and job.concurrency_policy == "Allow" and job.schedule is not None
            asked, priority = kind.request(job), _priority(platform, job.priority)
            yield Runs(f"{kind.section}/{name}", job.team, asked, priority, overlapping=overlapping)


def _further(platform: Platform, scenario: Scenario) -> Iterator[Runs]:
    for name, run in scenario.runs.items():
        asked = Request(run.workers, run.resources, run.gpus, run.pool)
        yield Runs(f"scenario/{name}", run.team, asked, _priority(platform, run.priority), run.count)


def _priority(platform: Platform, name: str | None) -> int:
    known = {UNDECLARED: 0, **(platform.queues.priorities if platform.queues else {})}
    return known[name or UNDECLARED]
