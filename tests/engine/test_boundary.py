"""The boundary takes nothing from AWS's managed policies that a cluster of the stack needs.

The policies are moto's copies; each request is one that a statement allows, with the tags that EKS gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

from tests.engine.deploy_role.things import OWN
from tests.engine.iam_evaluator import Context, Request, allowed
from tests.engine.iam_evaluator.prod import PLACE, prod_role, stack
from tests.engine.iam_evaluator.reference import has, resources
from tests.engine.iam_evaluator.weaker import unbounded

MANAGED: dict[str, Any] = json.loads(aws_managed_policies_data)
ATTACHED = sorted(
    {
        (each.inputs["role"], each.inputs["policyArn"].rpartition("/")[2])
        for each in stack().resources
        if each.type == "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
        and ":aws:policy/" in each.inputs["policyArn"]
    }
)
NAME = "eks:eks-cluster-name"
"""The tag that EKS gives the cluster's role and everything that Auto Mode creates."""

NOT_NEEDED = {
    *(f"autoscaling:{action}" for action in ("DescribeAutoScalingGroups", "UpdateAutoScalingGroup")),
    *(f"wafv2:{action}" for action in ("AssociateWebACL", "DisassociateWebACL", "ListWebACLs")),
    *(f"shield:{action}" for action in ("CreateProtection", "DeleteProtection", "TagResource")),
    *("cognito-idp:DescribeUserPoolClient", "elasticloadbalancing:SetWebAcl"),
    *(f"ec2:{action}TrunkInterface" for action in ("Associate", "Disassociate")),
}
"""Groups of Auto Scaling that Kubernetes scales, security groups for pods, WAF, Shield, Cognito: we use none."""


def managed() -> Iterator[tuple[str, Request]]:
    """Every request that a managed policy of a role allows, one for each action and kind of resource."""
    for attached_to, policy in ATTACHED:
        if "grafana" in attached_to:
            continue
        role = prod_role(attached_to.removeprefix(f"{PLACE.name}-"))
        document = MANAGED[policy]["Document"]
        for statement in document["Statement"]:
            for action in _listed(statement["Action"]):
                for resource, keys in resources(action):
                    # What belongs to no region, such as IPAM, no cluster creates.
                    if resource.startswith("arn:aws:ec2::"):
                        continue
                    if any(fnmatchcase(resource, pattern) for pattern in _listed(statement["Resource"])):
                        request = role.asks(action, resource, _context(statement, keys))
                        yield f"{policy}: {action} on {resource}", replace(request, own=(document,))


def _context(statement: dict[str, Any], keys: list[str]) -> Context:
    """What the statement asks for; without conditions, the tags that the stack's resources have."""
    asked = {
        key: values[0].replace("*", "x").replace("${aws:PrincipalTag/" + NAME + "}", PLACE.name)
        for operator, pairs in statement.get("Condition", {}).items()
        for key, values in ((key, _listed(value)) for key, value in pairs.items())
        if not operator.startswith("ForAllValues")
    }
    usual = {f"aws:ResourceTag/{NAME}": PLACE.name, f"aws:RequestTag/{NAME}": PLACE.name, **OWN}
    security_group = {f"aws:ResourceTag/kubernetes.io/cluster/{PLACE.name}": "owned", "aws:ResourceTag/Name": "x"}
    created = {"ec2:CreateAction": "RunInstances", "elasticloadbalancing:CreateAction": "CreateLoadBalancer"}
    context = {**usual, **security_group, **created, **asked}
    return {
        **{key: value for key, value in context.items() if has(keys, key)},
        f"aws:PrincipalTag/{NAME}": PLACE.name,
        "aws:ResourceAccount": PLACE.account,
    }


def test_a_managed_policy_allows_within_the_boundary_what_it_allows_without() -> None:
    requests = dict(managed())
    without = allowed({what: unbounded(request) for what, request in requests.items()})
    assert sum(without.values()) > 150
    within = allowed(requests)
    taken = {what for what, passed in without.items() if passed and not within[what]}
    assert {what for what in taken if what.split()[1] not in NOT_NEEDED} == set()
    needless = NOT_NEEDED - {what.split()[1] for what in taken}
    assert not needless, f"the boundary allows {needless}"


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
