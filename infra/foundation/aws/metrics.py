"""Amazon Managed Prometheus: metrics outlive the cluster and its retention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import amp

from infra.catalogue.names import PROJECT
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import allow, document
from infra.foundation.contract import RemoteWrite


@dataclass(frozen=True)
class MetricsStoreArgs:
    context: AwsContext
    key: pulumi.Input[str]
    protect: bool


class MetricsStore(pulumi.ComponentResource):
    """Rules and alerts are evaluated in the cluster; the workspace has none, so it needs no logging."""

    arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    """The URL for queries."""
    outputs: RemoteWrite

    def __init__(self, name: str, args: MetricsStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsMetricsStore", name, None, opts)
        workspace = amp.Workspace(
            name,
            alias=args.context.name,
            kms_key_arn=args.key,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.arn, self.endpoint = workspace.arn, workspace.prometheus_endpoint
        url = pulumi.Output.concat(self.endpoint, "api/v1/remote_write")
        self.outputs = RemoteWrite(url, signing(args.context.region))
        self.register_outputs({"url": url})


def signing(region: str) -> dict[str, Any]:
    """Settings of Prometheus' `remote_write`: requests are signed with the pod's identity."""
    return {"sigv4": {"region": region}}


def write_policy(workspace: str) -> str:
    """Writing to one workspace: neither reading nor administering it."""
    return document(allow(["aps:RemoteWrite"], [workspace]))
