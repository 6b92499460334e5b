"""Who reads logs: the login of each owner, in its own namespace, and the roles to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, RoleRefArgs, SubjectArgs

from infra.catalogue.images import LOGS
from infra.catalogue.logs import READER, READER_POD
from infra.catalogue.names import LOGS_SECRET, labels
from infra.secrets.derive import derived_password
from infra.tenancy import Workspace

_RBAC = "rbac.authorization.k8s.io"

Rules = Sequence[tuple[str, str, Sequence[str]]]
"""Resource, name, verbs."""

_THE_LOGIN: Rules = [("secrets", LOGS_SECRET, ["get"])]
# Clients open streams with GET or POST.
_THE_PROXY: Rules = [("pods", READER_POD, ["get"]), ("pods/portforward", READER_POD, ["get", "create"])]


@dataclass(frozen=True)
class LogAccess:
    """`key` is what passwords are derived from now, `groups` are those who may read each team's logs."""

    key: pulumi.Output[str]
    workspace: Workspace
    groups: Mapping[str, Sequence[str]]
    parent: pulumi.Resource

    def login(self, owner: str, workspace: Workspace) -> None:
        """Its Secret, and the role to read it."""
        kubernetes.core.v1.Secret(
            f"{workspace.namespace}-{LOGS_SECRET}",
            metadata=ObjectMetaArgs(name=LOGS_SECRET, namespace=workspace.namespace, labels=labels(LOGS_SECRET, LOGS)),
            string_data={"username": owner, "password": self.key.apply(lambda key: derived_password(key, owner))},
            opts=self._after(workspace),
        )
        self._allow(LOGS_SECRET, workspace, _THE_LOGIN, self.groups.get(owner, ()))

    def proxy(self) -> None:
        """All who read some logs reach the proxy."""
        self._allow(
            READER, self.workspace, _THE_PROXY, sorted({group for each in self.groups.values() for group in each})
        )

    def _allow(self, name: str, workspace: Workspace, rules: Rules, groups: Sequence[str]) -> None:
        if not groups:
            return
        resource = f"{workspace.namespace}-{name}"
        metadata = ObjectMetaArgs(name=name, namespace=workspace.namespace, labels=labels(name, LOGS))
        kubernetes.rbac.v1.Role(
            resource,
            metadata=metadata,
            rules=[
                PolicyRuleArgs(api_groups=[""], resources=[kind], resource_names=[named], verbs=list(verbs))
                for kind, named, verbs in rules
            ],
            opts=self._after(workspace),
        )
        kubernetes.rbac.v1.RoleBinding(
            resource,
            metadata=metadata,
            role_ref=RoleRefArgs(api_group=_RBAC, kind="Role", name=name),
            subjects=[SubjectArgs(api_group=_RBAC, kind="Group", name=group) for group in groups],
            opts=self._after(workspace),
        )

    def _after(self, workspace: Workspace) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self.parent, depends_on=[workspace])
