"""Rules about queues: what could never be admitted, or does nothing, is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from infra.catalogue.names import queues_namespace
from infra.declaration.problems import Problem, suggestion
from infra.declaration.queues import UNDECLARED, Amounts, Share, gpu_pools, gpus_by_pool, requested, shares
from infra.workloads.kind import Job

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_LONGEST_LABEL = 63


def queues_have_an_effect(platform: Platform, root: Path) -> Iterator[Problem]:
    """Without queues, their settings would do nothing."""
    if platform.queues is not None:
        return
    fix = "does nothing without queues; declare 'queues', or remove this"
    for name, team in platform.teams.items():
        if team.queue is not None:
            yield Problem(f"teams.{name}.queue", fix)
    for path, priority in _priorities(platform):
        if priority is not None:
            yield Problem(path, fix)


def the_cluster_has_no_queues(platform: Platform, root: Path) -> Iterator[Problem]:
    """A cluster has one Kueue, and an existing one may be somebody else's."""
    if platform.queues is not None and platform.foundation.cluster is not None:
        message = (
            "Kueue is installed once in a cluster, and this one may have it: on the cluster foundation the platform"
        )
        yield Problem("queues", f"{message} does not install it; remove 'queues'")


def priorities_are_declared(platform: Platform, root: Path) -> Iterator[Problem]:
    """Each has a name that fits into a label, and is declared where a job names it."""
    if platform.queues is None:
        return
    known = platform.queues.priorities
    for path, priority in _priorities(platform):
        if priority is not None and priority not in known:
            yield Problem(path, f"priority '{priority}' is not declared{suggestion(priority, known)}")
    longest = _LONGEST_LABEL - len(f"{platform.namespace}-")
    for name in known:
        if name == UNDECLARED:
            message = f"'{name}' is the priority of jobs that declare none; write another name"
            yield Problem(f"queues.priorities.{name}", message)
        elif len(name) > longest:
            message = (
                f"the name has {len(name)} characters; with the platform's namespace, write one of at most {longest}"
            )
            yield Problem(f"queues.priorities.{name}", message)


def queues_divide_quotas(platform: Platform, root: Path) -> Iterator[Problem]:
    """Each team has a quota, in GPUs of each pool."""
    pools = gpu_pools(platform)
    for name, team in platform.teams.items() if platform.queues else ():
        gpus = team.queue.gpus if team.queue else {}
        yield from (
            Problem(f"teams.{name}.queue.gpus.{pool}", f"pool '{pool}' has no GPUs{suggestion(pool, pools)}")
            for pool in gpus
            if pool not in pools
        )
        if team.quota is None:
            yield Problem(
                f"teams.{name}.quota", "queues divide the quotas of teams, and this team has none; declare one"
            )
        elif gpus and sum(gpus.values()) != team.quota.gpus:
            message = f"these are {sum(gpus.values())} GPUs, and the team's quota has {team.quota.gpus}"
            yield Problem(f"teams.{name}.queue.gpus", f"{message}; write numbers that add up to it")
        elif team.quota.gpus and not pools:
            yield Problem(f"teams.{name}.quota.gpus", "no node pool has GPUs; declare one, or remove this")
        elif team.quota.gpus and not gpus and len(pools) > 1:
            message = f"several pools have GPUs ({', '.join(pools)}); write how many of which in 'gpus', such as"
            yield Problem(f"teams.{name}.queue", f"{message} {{gpus: {{{pools[0]}: {team.quota.gpus}}}}}")


def quotas_exist(platform: Platform, root: Path) -> Iterator[Problem]:
    """A job that is admitted by a quota without nodes would wait for them, and keep others from running."""
    if not _are_sound(platform, root):
        return
    for pool in gpu_pools(platform):
        settings = platform.node_pools[pool]
        there = settings.max * (settings.gpu.count if settings.gpu else 0)
        promised = {name: gpus_by_pool(platform, team)[pool] for name, team in platform.teams.items()}
        total = sum(promised.values())
        if total > there:
            message = f"the pool has {there} GPUs at most, and the quotas of teams promise {total} of it"
            lower = " or ".join(f"teams.{name}.quota.gpus" for name, number in promised.items() if number)
            yield Problem(f"nodePools.{pool}.max", f"{message}; raise it, or lower {lower}")


def jobs_can_be_admitted(platform: Platform, root: Path) -> Iterator[Problem]:
    """A job that is larger than its team's quota with all that it may borrow would wait forever."""
    if not _are_sound(platform, root):
        return
    found = shares(platform)
    for kind, name, workload in platform.workloads():
        if not kind.queued:
            continue
        share, asked = found[workload.team], requested(kind.request(workload))
        pods = "1 pod requests" if asked.pods == 1 else f"{asked.pods} pods request"
        for each in _resources(asked):
            own, borrowed = each.of(share.nominal), each.of(share.borrowable)
            if each.of(asked) > own + borrowed:
                much = f"{pods} {each.shown(each.of(asked))}{each.unit}" if each.unit else f"it has {asked.pods} pods"
                most = f"at most {each.shown(own + borrowed)} ({each.shown(own)} of its own without its endpoints, "
                message = f"{much}; the queue of team '{workload.team}' may have {most}{each.shown(borrowed)} borrowed)"
                fix = f"write less, or raise {each.settings(workload.team, share)}"
                yield Problem(f"{kind.section}.{name}", f"{message}; {fix}")


@dataclass(frozen=True)
class _Resource:
    """What a message says about one of the quantities of a queue."""

    name: str
    unit: str
    of: Callable[[Amounts], int]
    shown: Callable[[int], str] = str

    def settings(self, team: str, share: Share) -> str:
        """Those that give a queue more of it."""
        limit = f" or teams.{team}.queue.borrowingLimit.{self.name}"
        limited = getattr(share.limit, self.name, None) is not None
        return f"teams.{team}.quota.{self.name}" + (limit if limited else "")


def _resources(asked: Amounts) -> list[_Resource]:
    return [
        _Resource("cpu", " cores", lambda amounts: amounts.cpu, lambda millis: f"{millis / 1000:.15g}"),
        _Resource("memory", " of memory", lambda amounts: amounts.memory, _size),
        _Resource("pods", "", lambda amounts: amounts.pods),
        *(_Resource("gpus", f" GPUs of pool '{pool}'", partial(_gpus, pool)) for pool in asked.gpus),
    ]


def _gpus(pool: str, amounts: Amounts) -> int:
    return amounts.gpus.get(pool, 0)


def _size(size: int) -> str:
    return f"{size / 2**30:.6g}Gi" if abs(size) >= 2**30 else f"{size / 2**20:.6g}Mi"


def _are_sound(platform: Platform, root: Path) -> bool:
    """Whether the quotas can be divided: other rules say why not."""
    return platform.queues is not None and not [*queues_divide_quotas(platform, root)]


def _priorities(platform: Platform) -> Iterator[tuple[str, str | None]]:
    for kind, name, workload in platform.workloads():
        if isinstance(workload, Job):
            yield f"{kind.section}.{name}.priority", workload.priority


def queue_namespace_is_free(platform: Platform, root: Path) -> Iterator[Problem]:
    """The controller has a namespace of its own."""
    own = queues_namespace(platform.namespace)
    if platform.queues is not None and own in platform.teams:
        yield Problem(f"teams.{own}", f"'{own}' is the namespace of the platform's queues; write another name")


QUEUE_RULES = (
    queues_have_an_effect,
    the_cluster_has_no_queues,
    priorities_are_declared,
    queues_divide_quotas,
    quotas_exist,
    jobs_can_be_admitted,
    queue_namespace_is_free,
)
