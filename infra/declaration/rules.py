"""The list of all rules, and the rules between the foundation and other settings.

A rule spans several settings; each problem has its path below the root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from infra.declaration.aws.cost import cost_within_the_limit
from infra.declaration.aws.pools import broken_pool_rules, jobs_end_before_their_nodes
from infra.declaration.aws.rules import broken_rules as broken_aws_rules
from infra.declaration.aws.rules import groups_are_mapped
from infra.declaration.cluster import CLUSTER_RULES
from infra.declaration.datasets import DATASET_RULES
from infra.declaration.egress import EGRESS_RULES, declared_egress
from infra.declaration.gateway import GATEWAY_RULES
from infra.declaration.idle_rules import IDLE_RULES
from infra.declaration.model import Platform
from infra.declaration.monitoring_rules import RULES as MONITORING_RULES
from infra.declaration.names import NAME_RULES
from infra.declaration.policy import exceptions_are_for_own_namespaces, pools_are_within_the_limits
from infra.declaration.pool_nodes import NODE_RULES
from infra.declaration.pools import POOL_RULES
from infra.declaration.problems import Problem
from infra.declaration.queue_rules import QUEUE_RULES
from infra.declaration.secrets import SECRET_RULES
from infra.declaration.teams import TEAM_RULES
from infra.declaration.workloads import WORKLOAD_RULES
from infra.workloads.kinds import KINDS


def sns_topics_are_on_aws(platform: Platform, root: Path) -> Iterator[Problem]:
    """Other foundations cannot create SNS topics."""
    receivers = platform.monitoring.receivers if platform.monitoring else {}
    for name, receiver in receivers.items():
        if receiver.sns is not None and platform.foundation.aws is None:
            message = "only the aws foundation has SNS; write 'webhook', 'email' or 'slack', or declare foundation.aws"
            yield Problem(f"monitoring.receivers.{name}.sns", message)


def stored_metrics_are_collected(platform: Platform, root: Path) -> Iterator[Problem]:
    """Only the cluster's Prometheus writes to the workspace."""
    aws = platform.foundation.aws
    if aws is not None and aws.managed_prometheus is not None and platform.monitoring is None:
        message = "no metrics are written to it without 'monitoring'; declare 'monitoring' too"
        yield Problem("foundation.aws.managedPrometheus", message)


def tracking_has_a_volume(platform: Platform, root: Path) -> Iterator[Problem]:
    """On AWS, the tracking server keeps everything in RDS and S3."""
    if platform.foundation.aws is not None and "storage" in platform.tracking.model_fields_set:
        message = "the tracking server has no volume on the aws foundation; remove it (see foundation.aws.database)"
        yield Problem("tracking.storage", message)


def costs_are_known(platform: Platform, root: Path) -> Iterator[Problem]:
    """Nodes have a price on AWS only."""
    if platform.foundation.aws is None and "hourly_cost" in platform.limits.model_fields_set:
        yield Problem("limits.hourlyCost", "only nodes of the aws foundation have a known price; remove it")


def budgets_are_of_known_costs(platform: Platform, root: Path) -> Iterator[Problem]:
    """What is not bought from AWS has no price."""
    if platform.foundation.aws is not None:
        return
    of_teams = {f"teams.{name}.budget": team.budget for name, team in platform.teams.items()}
    for path, budget in {"budget": platform.budget, **of_teams}.items():
        if budget is not None:
            yield Problem(path, "only the aws foundation has known prices; remove it")


def objects_have_a_store(platform: Platform, root: Path) -> Iterator[Problem]:
    """The foundation has a bucket for datasets, which the team's pods can reach and log in to."""
    foundation = platform.foundation
    store = foundation.cluster.dataset_store if foundation.cluster else None
    for name, dataset in platform.datasets.items():
        path = f"datasets.{name}.objects"
        if dataset.objects is None:
            continue
        if foundation.aws is not None and not foundation.aws.network.isolated_subnets:
            message = "pods reach S3 by an endpoint in the isolated subnets, and there are none"
            yield Problem(path, f"{message}; remove isolatedSubnets: false from foundation.aws.network")
        elif foundation.cluster is not None and store is None:
            message = "no bucket for datasets is declared; declare foundation.cluster.datasetStore, or write 'volume'"
            yield Problem(path, message)
        elif store is not None and dataset.team not in store.access_keys:
            keys = "foundation.cluster.datasetStore.accessKeys"
            yield Problem(path, f"team '{dataset.team}' has no access key; write one in {keys}.{dataset.team}")


def egress_by_name_is_enforced(platform: Platform, root: Path) -> Iterator[Problem]:
    """Kubernetes' network policies know addresses only; those of EKS Auto Mode know DNS names, too."""
    for path, egress in declared_egress(platform):
        if egress.cidr is None and platform.foundation.aws is None:
            message = "network policies know addresses only on this foundation"
            fix = f"write the IPv4 address of {egress.host}, or its network as a CIDR"
            yield Problem(f"{path}.host", f"{message}; {fix}")


def aws_can_create_it(platform: Platform, root: Path) -> Iterator[Problem]:
    """The rules of the aws foundation, if it is declared."""
    aws = platform.foundation.aws
    if aws is None:
        return
    yield from groups_are_mapped(platform.teams, aws)
    yield from cost_within_the_limit(platform.limits, platform.node_pools, aws)
    for problem in broken_aws_rules(aws):
        yield Problem(f"foundation.aws.{problem.path}", problem.message)
    for name, pool in platform.node_pools.items():
        yield from broken_pool_rules(name, pool, aws, logs=platform.collects_logs)
        if pool.aws is not None:
            yield from jobs_end_before_their_nodes(name, pool, platform.timeouts(name))


RULES: tuple[Callable[[Platform, Path], Iterator[Problem]], ...] = (
    *TEAM_RULES,
    *WORKLOAD_RULES,
    *POOL_RULES,
    *NODE_RULES,
    *NAME_RULES,
    *SECRET_RULES,
    *DATASET_RULES,
    *EGRESS_RULES,
    *GATEWAY_RULES,
    *QUEUE_RULES,
    *IDLE_RULES,
    exceptions_are_for_own_namespaces,
    pools_are_within_the_limits,
    *MONITORING_RULES,
    sns_topics_are_on_aws,
    stored_metrics_are_collected,
    tracking_has_a_volume,
    costs_are_known,
    budgets_are_of_known_costs,
    objects_have_a_store,
    egress_by_name_is_enforced,
    aws_can_create_it,
    *CLUSTER_RULES,
    *(rule for kind in KINDS for rule in kind.rules),
)


def broken_rules(platform: Platform, root: Path, prefix: str) -> list[Problem]:
    """All problems that the rules find, with their whole paths."""
    return [Problem(f"{prefix}.{problem.path}", problem.message) for rule in RULES for problem in rule(platform, root)]
