"""Workspaces of Amazon Managed Grafana and who is let in. The emulator has none, so they are kept."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step, Text
from offline.plugins.aws.tagging import GRAFANA
from offline.plugins.marshal import Bag

_OF_WORKSPACE = {"workspaceId": "{id}"}

WORKSPACE = Kind(
    "aws:grafana/workspace:Workspace",
    "grafana",
    Step("CreateWorkspace"),
    "id",
    Lookup("DescribeWorkspace", _OF_WORKSPACE, "workspace"),
    updates=(
        Step(
            "UpdateWorkspace",
            ("accountAccessType", "dataSources", "description", "name", "permissionType", "roleArn"),
            _OF_WORKSPACE,
        ),
        Step("UpdateWorkspaceAuthentication", ("authenticationProviders",), _OF_WORKSPACE),
        Step("UpdateWorkspaceConfiguration", ("configuration", "grafanaVersion"), _OF_WORKSPACE),
    ),
    delete=(Step("DeleteWorkspace", arguments=_OF_WORKSPACE),),
    replaces=frozenset({"kmsKeyId"}),
    outputs={
        "arn": Text("arn:{partition}:grafana:{region}:{account}:/workspaces/{id}"),
        "endpoint": Text("{id}.grafana-workspace.{region}.{suffix}"),
        "grafanaVersion": "grafanaVersion",
        "samlConfigurationStatus": "samlConfigurationStatus",
    },
    names={
        "dataSources": "workspaceDataSources",
        "description": "workspaceDescription",
        "name": "workspaceName",
        "roleArn": "workspaceRoleArn",
    },
    name=Name(),
    tagging=GRAFANA,
    kept={"id": "g-{random:.10}", "samlConfigurationStatus": "NOT_CONFIGURED"},
)


def _members(bag: Bag) -> set[tuple[str, str]]:
    found = {"SSO_GROUP": bag.get("groupIds"), "SSO_USER": bag.get("userIds")}
    return {(kind, each) for kind, ids in found.items() for each in ids or ()}


def _instructions(change: Change) -> list[Bag]:
    """Who comes in and who goes; the role is the same before and after."""
    bag, before, after = change.new or change.old, _members(change.old), _members(change.new)
    moves = {"ADD": after - before, "REVOKE": before - after}
    batch = [
        {"action": action, "role": bag["role"], "users": [{"id": each, "type": kind} for kind, each in sorted(members)]}
        for action, members in moves.items()
        if members
    ]
    return [{"workspaceId": bag["workspaceId"], "updateInstructionBatch": batch}]


ROLE_ASSOCIATION = Kind(
    "aws:grafana/roleAssociation:RoleAssociation",
    "grafana",
    Step("UpdatePermissions", build=_instructions),
    "{workspaceId}/{role}",
    Lookup("ListPermissions", {"workspaceId": "{workspaceId}"}),
    updates=(Step("UpdatePermissions", ("groupIds", "userIds"), build=_instructions),),
    delete=(Step("UpdatePermissions", build=_instructions),),
    replaces=frozenset({"role", "workspaceId"}),
    local=frozenset({"groupIds", "role", "userIds"}),
    kept={},
)

KINDS = (WORKSPACE, ROLE_ASSOCIATION)
