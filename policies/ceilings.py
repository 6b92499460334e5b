"""Ceilings for GPUs and cost: a typo in a number of nodes is refused before any node is bought.

`make check` and the program refuse the same, by the same rule; the pack holds for changed programs too.
"""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs
from pydantic import ConfigDict, Field, ValidationError

from infra.declaration.aws.cost import cost_within_the_limit
from infra.declaration.foundations import Foundation
from infra.declaration.policy import Limits, gpus_within_the_limit
from infra.declaration.pools import NodePool
from infra.declaration.types import Settings
from policies.declared import setting
from policies.rule import ResourceRule

STACK = "pulumi:pulumi:Stack"
"""The first resource: nothing is created before it."""


class _Size(Settings):
    """The part of a declaration that ceilings apply to."""

    model_config = ConfigDict(extra="ignore")

    limits: Limits = Limits()
    node_pools: dict[str, NodePool] = Field(default={})
    foundation: Foundation | None = None


def _size(args: ResourceValidationArgs) -> Iterator[_Size]:
    """What the stack declares; nothing if that is invalid, which the program reports."""
    if args.resource_type == STACK:
        try:
            yield _Size.model_validate(setting(args.urn))
        except ValidationError:
            return


def _gpus(args: ResourceValidationArgs) -> Iterator[str]:
    for size in _size(args):
        yield from map(str, gpus_within_the_limit(size.limits, size.node_pools))


def _cost(args: ResourceValidationArgs) -> Iterator[str]:
    for size in _size(args):
        if size.foundation is not None and size.foundation.aws is not None:
            yield from map(str, cost_within_the_limit(size.limits, size.node_pools, size.foundation.aws))


def declared(gpus: int, dollars: int, monthly: int) -> str:
    """A stack file with these ceilings and this budget."""
    return f"""
foundation:
  aws:
    account: "123456789012"
    region: eu-central-1
    team: ml-platform
    costCentre: machine-learning
    network: {{cidr: 10.20.0.0/16, zones: [eu-central-1a, eu-central-1b]}}
    cluster: {{admins: ["arn:aws:iam::123456789012:role/platform-admin"]}}
nodePools:
  ceilings:
    instance: {{cpu: 3, memory: 14Gi}}
    gpu: {{model: NVIDIA-A10G}}
    max: 10
    aws: {{instanceTypes: [g5.xlarge]}}
limits: {{gpus: {gpus}, hourlyCost: {dollars}}}
budget: {{monthlyMaximum: {monthly}}}
"""


RULES = (
    ResourceRule(
        name="gpu-ceiling",
        reason="A stack has at most as many GPUs as its declared ceiling.",
        fix="the budget's owner may raise the ceiling",
        check=_gpus,
        refuses="",
        passes="",
        declared=(declared(9, 9, 6_000), declared(10, 16, 20_000)),
    ),
    ResourceRule(
        name="cost-ceiling",
        reason="A stack costs at most its declared ceiling per hour.",
        fix="the budget's owner may raise the ceiling",
        check=_cost,
        refuses="",
        passes="",
        declared=(declared(9, 9, 6_000), declared(10, 16, 20_000)),
    ),
)
