"""A token for a workspace of Amazon Managed Grafana, made by the pod's own identity and gone after use."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dashboards.grafana import Unreachable

ACCOUNT = "ml-platform"
SECONDS = 600
"""Also of a token that a killed job left behind."""


@contextmanager
def token(workspace: str) -> Iterator[str]:
    """Raises `Unreachable`: what AWS refuses just after a role was made it may allow a little later."""
    try:
        client = boto3.client("grafana")
        account = _service_account(client, workspace)
        of_account = {"workspaceId": workspace, "serviceAccountId": account}
        made = client.create_workspace_service_account_token(
            **of_account, name=f"dashboards-{uuid.uuid4().hex[:12]}", secondsToLive=SECONDS
        )["serviceAccountToken"]
        try:
            yield str(made["key"])
        finally:
            client.delete_workspace_service_account_token(**of_account, tokenId=made["id"])
    except (BotoCoreError, ClientError) as error:
        raise Unreachable(f"workspace {workspace}: {error}") from None


def _service_account(client: Any, workspace: str) -> str:
    """One for all runs: each would be charged as a user. It administers, because it makes a data source."""
    pages = client.get_paginator("list_workspace_service_accounts").paginate(workspaceId=workspace)
    for account in (each for page in pages for each in page["serviceAccounts"]):
        if account["name"] == ACCOUNT:
            return str(account["id"])
    made = client.create_workspace_service_account(workspaceId=workspace, name=ACCOUNT, grafanaRole="ADMIN")
    return str(made["id"])
