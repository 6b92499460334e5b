"""The queue of each team in its namespace, which its jobs name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.catalogue.names import PROJECT, labels
from infra.queues.controller import QueueController
from infra.queues.quotas import API, cluster_queue
from infra.queues.readers import read_quotas
from infra.tenancy import Workspace
from infra.workloads.definitions import Manifest
from infra.workloads.queue import Queue


@dataclass(frozen=True)
class LocalQueuesArgs:
    platform: str
    controller: QueueController
    teams: Mapping[str, Workspace]
    groups: Sequence[str] = ()
    """The groups of all members."""


class LocalQueues(pulumi.ComponentResource):
    """One LocalQueue for each team, and the right of the controller to start its jobs."""

    by_team: Mapping[str, Queue]

    def __init__(self, name: str, args: LocalQueuesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:LocalQueues", name, None, opts)
        self.by_team = {team: self._queue(team, workspace, args) for team, workspace in args.teams.items()}
        read_quotas(args.platform, args.groups, pulumi.ResourceOptions(parent=self))
        self.register_outputs({})

    def _queue(self, team: str, workspace: Workspace, args: LocalQueuesArgs) -> Queue:
        child = pulumi.ResourceOptions(parent=self, depends_on=[workspace])
        managed = args.controller.manage(team, child)
        metadata = {"name": team, "namespace": team, "labels": labels(team, "queues")}
        spec = {"clusterQueue": cluster_queue(args.platform, team)}
        manifest = {"apiVersion": API, "kind": "LocalQueue", "metadata": metadata, "spec": spec}
        after = pulumi.ResourceOptions(depends_on=[managed])
        queue = Manifest(team, manifest, pulumi.ResourceOptions.merge(child, after))
        return Queue(args.platform, team, [queue])
