"""Rules that span several settings. Each yields its problems; `RULES` lists them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from infra.catalogue.images import OWN_IMAGES
from infra.catalogue.names import ADMINISTRATOR, PLATFORM, devices_namespace, image_context
from infra.declaration.aws.group_rules import groups_are_mapped, mapped_groups_are_possible
from infra.declaration.aws.pool_rules import broken_pool_rules
from infra.declaration.aws.rules import broken_rules as broken_aws_rules
from infra.declaration.model import Platform, Training
from infra.declaration.monitoring_rules import RULES as MONITORING_RULES
from infra.declaration.policy_rules import exceptions_are_for_own_namespaces
from infra.declaration.pools import NodePool
from infra.declaration.problems import Problem
from infra.declaration.secret_rules import (
    rotated_secrets_are_generated,
    secret_names_are_free,
    secrets_stay_in_their_team,
)
from infra.declaration.team_rules import a_group_has_one_role_in_a_team, workloads_fit_their_quota
from infra.declaration.types import cpu_millis, memory_bytes

_EKS_POOLS = ("default", "general-purpose", "system")
_TAKEN_NAMESPACES = {"default", "kube-system", "kube-public", "kube-node-lease"}


def namespaces_are_free(platform: Platform, root: Path) -> Iterator[Problem]:
    """A team's namespace belongs to the team alone."""
    if platform.namespace in _TAKEN_NAMESPACES or platform.namespace.startswith("kube-"):
        yield Problem("namespace", f"'{platform.namespace}' belongs to Kubernetes itself; write another name")
    for team in platform.teams:
        if team == ADMINISTRATOR:
            yield Problem(f"teams.{team}", f"'{team}' is the tracking server's administrator; write another name")
        elif team == PLATFORM:
            yield Problem(f"teams.{team}", f"'{team}' answers for the platform itself; write another name")
        elif team == platform.namespace:
            yield Problem(f"teams.{team}", f"'{team}' is the platform's own namespace; write another name")
        elif team == devices_namespace(platform.namespace):
            yield Problem(f"teams.{team}", f"'{team}' is where the platform's device plugins are; write another name")
        elif team in _TAKEN_NAMESPACES or team.startswith("kube-"):
            yield Problem(f"teams.{team}", f"'{team}' is a namespace of Kubernetes itself; write another name")


def image_names_are_free(platform: Platform, root: Path) -> Iterator[Problem]:
    """The platform's own images are built in any case."""
    for name in platform.images:
        if name in OWN_IMAGES:
            yield Problem(f"images.{name}", f"'{name}' is an image of the platform itself; write another name")


def images_have_a_dockerfile(platform: Platform, root: Path) -> Iterator[Problem]:
    """Found here rather than halfway through `up`."""
    for name, image in platform.images.items():
        context = image_context(name, image.context)
        if Path(context).is_absolute() or ".." in Path(context).parts:
            yield Problem(f"images.{name}.context", f"'{context}' is outside the project; write a folder inside it")
        elif not (root / context / "Dockerfile").is_file():
            yield Problem(f"images.{name}", f"there is no '{context}/Dockerfile'; add it or set 'context'")


def only_owners_train(platform: Platform, root: Path) -> Iterator[Problem]:
    """A new version of a model comes from the team that answers for it."""
    for name, job in platform.training.items():
        owner = platform.models[job.model].team
        if job.team != owner:
            yield Problem(f"training.{name}.team", f"model '{job.model}' belongs to team '{owner}'; write '{owner}'")


def jobs_fit_their_nodes(platform: Platform, root: Path) -> Iterator[Problem]:
    """What no node can hold would wait for ever."""
    for name, job in platform.training.items():
        path = f"training.{name}"
        if job.pool is not None:
            yield from _fits(path, job, job.pool, platform.node_pools[job.pool])
        elif job.gpus:
            yield Problem(f"{path}.gpus", "GPUs are in node pools only; name one with 'pool'")


def _fits(path: str, job: Training, name: str, pool: NodePool) -> Iterator[Problem]:
    cpu, memory, gpus = job.resources.cpu, job.resources.memory, pool.gpu.count if pool.gpu else 0
    node = f"a node of pool '{name}' has"
    if cpu_millis(cpu) > cpu_millis(pool.instance.cpu):
        yield Problem(f"{path}.resources.cpu", f"{cpu} is more than {node} ({pool.instance.cpu}); ask for less")
    if memory_bytes(memory) > memory_bytes(pool.instance.memory):
        yield Problem(
            f"{path}.resources.memory", f"{memory} is more than {node} ({pool.instance.memory}); ask for less"
        )
    if job.gpus > gpus:
        yield Problem(f"{path}.gpus", f"{job.gpus} is more than {node} ({gpus}); ask for less or take another pool")


def served_models_are_really_trained(platform: Platform, root: Path) -> Iterator[Problem]:
    """A pod on a simulated node computes nothing, so no model ever comes from there."""
    for name, endpoint in platform.serving.items():
        jobs = [job for job in platform.training.values() if job.model == endpoint.model]
        if jobs and platform.foundation.simulates_pools and all(job.pool for job in jobs):
            yield Problem(
                f"serving.{name}.model",
                f"'{endpoint.model}' is trained on simulated nodes only, where nothing is computed; "
                f"add a training job without 'pool'",
            )


def pools_have_a_size(platform: Platform, root: Path) -> Iterator[Problem]:
    """Both ends in order."""
    for name, pool in platform.node_pools.items():
        if pool.max < pool.min:
            yield Problem(f"nodePools.{name}.max", f"{pool.max} is below min ({pool.min}); write at least {pool.min}")


def pool_names_are_free(platform: Platform, root: Path) -> Iterator[Problem]:
    """EKS keeps pools of its own beside the declared ones."""
    for name in platform.node_pools if platform.foundation.aws else ():
        if name in _EKS_POOLS:
            yield Problem(f"nodePools.{name}", f"'{name}' is a pool of EKS itself; write another name")


def topics_are_in_aws(platform: Platform, root: Path) -> Iterator[Problem]:
    """Nothing else has any."""
    receivers = platform.monitoring.receivers if platform.monitoring else {}
    for name, receiver in receivers.items():
        if receiver.sns is not None and platform.foundation.aws is None:
            words = "SNS is in AWS only; write 'webhook', 'email' or 'slack', or declare foundation.aws"
            yield Problem(f"monitoring.receivers.{name}.sns", words)


def stored_metrics_are_collected(platform: Platform, root: Path) -> Iterator[Problem]:
    """A workspace that nobody writes to would only be paid for."""
    aws = platform.foundation.aws
    if aws is not None and aws.managed_prometheus is not None and platform.monitoring is None:
        words = "nothing collects metrics for it; declare 'monitoring' too"
        yield Problem("foundation.aws.managedPrometheus", words)


def aws_can_build_it(platform: Platform, root: Path) -> Iterator[Problem]:
    """The account's own rules, where the platform stands in one."""
    aws = platform.foundation.aws
    if aws is None:
        return
    yield from groups_are_mapped(platform.teams, aws)
    for problem in (*broken_aws_rules(aws), *mapped_groups_are_possible(aws)):
        yield Problem(f"foundation.aws.{problem.path}", problem.message)
    for name, pool in platform.node_pools.items():
        for problem in broken_pool_rules(pool, aws):
            yield Problem(f"nodePools.{name}.{problem.path}", problem.message)


RULES: tuple[Callable[[Platform, Path], Iterator[Problem]], ...] = (
    namespaces_are_free,
    image_names_are_free,
    images_have_a_dockerfile,
    only_owners_train,
    jobs_fit_their_nodes,
    served_models_are_really_trained,
    pools_have_a_size,
    pool_names_are_free,
    a_group_has_one_role_in_a_team,
    workloads_fit_their_quota,
    secret_names_are_free,
    secrets_stay_in_their_team,
    rotated_secrets_are_generated,
    exceptions_are_for_own_namespaces,
    *MONITORING_RULES,
    topics_are_in_aws,
    stored_metrics_are_collected,
    aws_can_build_it,
)


def broken_rules(platform: Platform, root: Path, prefix: str) -> list[Problem]:
    """All that the rules find, with the whole path."""
    return [Problem(f"{prefix}.{problem.path}", problem.message) for rule in RULES for problem in rule(platform, root)]
