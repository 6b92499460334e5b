"""Multi-tenancy: namespaces, RBAC, quotas, network policies, priorities, admission."""

from infra.networking.network_policies import Destination, Policies, log_policies, platform_policies, team_policies
from infra.tenancy.priorities import Priorities, PrioritiesArgs
from infra.tenancy.workspace import TrackingAccess, Workspace, WorkspaceArgs

__all__ = [
    "Destination",
    "Policies",
    "Priorities",
    "PrioritiesArgs",
    "TrackingAccess",
    "Workspace",
    "WorkspaceArgs",
    "log_policies",
    "platform_policies",
    "team_policies",
]
