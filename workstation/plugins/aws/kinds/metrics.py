"""Workspaces of Managed Prometheus. The emulator doesn't keep which key one is encrypted with."""

from __future__ import annotations

from workstation.plugins.aws.kind import Kind, Lookup, Step
from workstation.plugins.aws.tagging import METRICS

WORKSPACE = Kind(
    "aws:amp/workspace:Workspace",
    "amp",
    Step("CreateWorkspace"),
    "workspaceId",
    Lookup("DescribeWorkspace", {"workspaceId": "{id}"}, "workspace"),
    updates=(Step("UpdateWorkspaceAlias", ("alias",), {"workspaceId": "{id}"}),),
    delete=(Step("DeleteWorkspace", arguments={"workspaceId": "{id}"}),),
    replaces=frozenset({"kmsKeyArn"}),
    outputs={"arn": "arn", "prometheusEndpoint": "prometheusEndpoint"},
    unread=frozenset({"kmsKeyArn"}),
    tagging=METRICS,
)

KINDS = (WORKSPACE,)
