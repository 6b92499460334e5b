"""Stops runs whose GPUs are idle, where their job declares it, by deactivating what they are to Kueue."""

from __future__ import annotations

from collections.abc import Mapping

from infra.images import BuiltImage
from infra.observability.responder import ResponderArgs
from infra.tenancy import Workspace
from infra.tenancy.team_admission import TeamRule, account_of
from infra.workloads.api_access import Access

NAME = "run-stopper"
_WORKLOADS = ("kueue.x-k8s.io", "v1beta2", "workloads")
_ACCESS = Access(namespaced=[("kueue.x-k8s.io", ("workloads",), ("list", "patch"))])


def run_stopper(image: BuiltImage, workspace: Workspace, teams: Mapping[str, Workspace]) -> ResponderArgs:
    """`teams` are those with jobs whose idle runs are stopped."""
    return ResponderArgs("idle-runs", image, workspace, teams, _ACCESS, only_stops(workspace.namespace))


def only_stops(platform: str) -> TeamRule:
    """RBAC can't restrict what of an object is changed."""
    kept = ("podSets", "queueName", "priority", "priorityClassRef", "maximumExecutionTimeSeconds")
    same = [f"object.spec.?{field} == oldObject.spec.?{field}" for field in kept]
    return TeamRule(
        name="stopped-runs",
        resource=_WORKLOADS,
        applies=f"request.userInfo.username == '{account_of(NAME, platform)}'",
        variables={},
        holds=" && ".join(["!object.spec.?active.orValue(true)", *same]),
        message=f"{NAME} only stops runs: it sets 'active' to false, and changes nothing else of their spec",
    )
