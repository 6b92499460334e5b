"""The store, the collector on each node, and the proxy, in a namespace of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.catalogue.names import PLATFORM, PROJECT
from infra.declaration.logs import Logs as Settings
from infra.foundation import Placement, Volume
from infra.images import BuiltImage
from infra.observability.logs.access import LogAccess
from infra.observability.logs.collector import log_collector
from infra.observability.logs.reader import log_reader
from infra.observability.logs.store import log_store
from infra.secrets.generated import GeneratedPassword
from infra.tenancy import Workspace


@dataclass(frozen=True)
class LogsArgs:
    """`workspace` is the namespace of these components, `platform` the platform's own; `groups` are those who may read
    each team's logs; `placement` is every real node."""

    settings: Settings
    image: BuiltImage
    workspace: Workspace
    platform: Workspace
    teams: Mapping[str, Workspace]
    groups: Mapping[str, Sequence[str]]
    key: GeneratedPassword
    volume: Volume
    pod_logs: str
    placement: Placement
    protect_data: bool
    others: Sequence[str] = ()
    """More namespaces of the platform."""


class Logs(pulumi.ComponentResource):
    """Nothing waits for them."""

    def __init__(self, name: str, args: LogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Logs", name, None, opts)
        owners = {PLATFORM: args.platform, **args.teams}
        log_store(args.settings, args.image, args.workspace, args.volume, args.protect_data, self)
        namespaces = {owner: [workspace.namespace] for owner, workspace in owners.items()}
        namespaces[PLATFORM] += [args.workspace.namespace, *args.others]
        log_collector(args.image, args.workspace, namespaces, args.pod_logs, args.placement, self)
        log_reader(args.image, args.workspace, sorted(owners), args.key.accepted, self)
        access = LogAccess(args.key.current, args.workspace, args.groups, self)
        for owner, workspace in owners.items():
            access.login(owner, workspace)
        access.proxy()
        self.register_outputs({})
