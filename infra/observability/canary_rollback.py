"""Rolls back canaries that are worse than their endpoints, where they declare it, by the weights of their routes."""

from __future__ import annotations

from collections.abc import Mapping

from infra.images import BuiltImage
from infra.networking.gateway import UNDIVIDED
from infra.observability.responder import ResponderArgs
from infra.tenancy import Workspace
from infra.tenancy.team_admission import TeamRule, account_of
from infra.workloads.api_access import Access

NAME = "canary-rollback"
_GROUP = "gateway.networking.k8s.io"
_ACCESS = Access(namespaced=[(_GROUP, ("httproutes",), ("get", "patch"))])


def canary_rollback(image: BuiltImage, workspace: Workspace, teams: Mapping[str, Workspace]) -> ResponderArgs:
    """`teams` are those with canaries that are rolled back."""
    return ResponderArgs("canaries", image, workspace, teams, _ACCESS, only_rolls_back(workspace.namespace))


def only_rolls_back(platform: str) -> TeamRule:
    """RBAC can't restrict what of an object is changed."""
    rule, old = "object.spec.rules[0]", "oldObject.spec.rules[0]"
    same = [
        "object.spec.parentRefs == oldObject.spec.parentRefs",
        "object.spec.hostnames == oldObject.spec.hostnames",
        "object.spec.rules.size() == 1",
        *(f"{rule}.?{field} == {old}.?{field}" for field in ("name", "matches", "filters", "timeouts", "retry")),
        *(
            f"{rule}.backendRefs.map(each, each.?{field}) == {old}.backendRefs.map(each, each.?{field})"
            for field in ("group", "kind", "namespace", "port", "filters")
        ),
        f"{rule}.backendRefs.size() == 2",
        f"{rule}.backendRefs.all(each, each.name == {old}.backendRefs[0].name)",
        f"{rule}.backendRefs.map(each, each.weight) == {list(UNDIVIDED)}",
        *(f"object.metadata.?{field} == oldObject.metadata.?{field}" for field in ("annotations", "labels")),
    ]
    return TeamRule(
        name="canaries-rolled-back",
        resource=(_GROUP, "v1", "httproutes"),
        applies=f"request.userInfo.username == '{account_of(NAME, platform)}'",
        variables={},
        holds=" && ".join(same),
        message=f"{NAME} only rolls canaries back: it gives all requests to the endpoint, and changes nothing else",
    )
