"""Ceilings for GPUs and cost: a typo in a number of nodes is refused before any node is bought."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs
from pydantic import ConfigDict, Field, ValidationError

from infra.declaration.aws.cost import highest_cost, without_price
from infra.declaration.policy import Limits
from infra.declaration.pools import NodePool, most_gpus
from infra.declaration.types import Settings
from policies.declared import setting
from policies.rule import ResourceRule

_STACK = "pulumi:pulumi:Stack"
"""The first resource: nothing is created before it."""


class _Size(Settings):
    """The part of a declaration that ceilings apply to."""

    model_config = ConfigDict(extra="ignore")

    limits: Limits = Limits()
    node_pools: dict[str, NodePool] = Field(default={})


def _size(args: ResourceValidationArgs) -> Iterator[_Size]:
    """What the stack declares; nothing if that is invalid, which the program reports."""
    if args.resource_type == _STACK:
        try:
            yield _Size.model_validate(setting(args.urn))
        except ValidationError:
            return


def _gpus(args: ResourceValidationArgs) -> Iterator[str]:
    for size in _size(args):
        asked = most_gpus(size.node_pools)
        if asked > size.limits.gpus:
            yield f"the node pools may have {asked} GPUs, which is more than limits.gpus ({size.limits.gpus})"


def _cost(args: ResourceValidationArgs) -> Iterator[str]:
    for size in _size(args):
        cost, ceiling = highest_cost(size.node_pools), size.limits.hourly_cost
        if cost > ceiling:
            yield f"the node pools may cost ${cost:.2f} an hour, which is more than limits.hourlyCost (${ceiling:.2f})"
        for name in without_price(size.node_pools):
            yield f"the price of {name} is unknown (infra/catalogue/aws/prices.json)"


def _declared(gpus: int, dollars: int) -> str:
    return f"""
nodePools:
  ceilings:
    instance: {{cpu: 3, memory: 14Gi}}
    gpu: {{model: NVIDIA-A10G}}
    max: 10
    aws: {{instanceTypes: [g5.xlarge]}}
limits: {{gpus: {gpus}, hourlyCost: {dollars}}}
"""


RULES = (
    ResourceRule(
        name="gpu-ceiling",
        reason="A stack has at most as many GPUs as its declared ceiling.",
        fix="declare fewer nodes; the budget's owner may raise the ceiling",
        check=_gpus,
        refuses="",
        passes="",
        declared=(_declared(9, 9), _declared(10, 11)),
    ),
    ResourceRule(
        name="cost-ceiling",
        reason="A stack costs at most its declared ceiling per hour.",
        fix="declare fewer or cheaper nodes; the budget's owner may raise the ceiling or add a price",
        check=_cost,
        refuses="",
        passes="",
        declared=(_declared(9, 9), _declared(10, 11)),
    ),
)
