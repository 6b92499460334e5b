"""Workspaces of Managed Prometheus. The emulator doesn't keep which key one is encrypted with."""

from __future__ import annotations

from offline.plugins.aws.kind import Kind, Lookup, Step
from offline.plugins.aws.tagging import METRICS

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
