"""The namespaces of a stack: the platform's own, those of its controllers, and one for each team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.catalogue.images import TRACKING
from infra.catalogue.names import gateway_namespace, logs_namespace, queues_namespace, selector
from infra.catalogue.pod_exceptions import Exceptions, pod_security
from infra.declaration.teams import Team
from infra.foundation import Foundation
from infra.networking.gateway import PODS as GATEWAY_PODS
from infra.networking.network_policies import gateway_policies, no_pods_policies, queue_policies
from infra.queues.configuration import WEBHOOK_PORT
from infra.tenancy import (
    Destination,
    Policies,
    Priorities,
    TrackingAccess,
    Workspace,
    WorkspaceArgs,
    log_policies,
    platform_policies,
    team_policies,
)
from infra.tenancy.admission import Admission
from infra.tracking import PORT


@dataclass(frozen=True)
class Namespaces:
    """Creates namespaces, none of which runs a pod before the admission policies exist."""

    platform: str
    foundation: Foundation
    excepted: Exceptions
    admission: Admission
    priorities: Priorities
    queued: bool
    job_sets: bool

    @property
    def options(self) -> pulumi.ResourceOptions:
        return self._after()

    @property
    def _tracking(self) -> Destination:
        return Destination(self.platform, selector(TRACKING, TRACKING), PORT)

    def of_platform(self) -> Workspace:
        return self._create(self.platform, "platform", platform_policies(self._tracking))

    def of_logs(self) -> Workspace:
        """Of the log store and its collector."""
        policies = log_policies(self.platform, self.foundation.egress)
        return self._create(logs_namespace(self.platform), "logs", policies)

    def of_queues(self) -> Workspace:
        return self._create(queues_namespace(self.platform), "queues", queue_policies(WEBHOOK_PORT))

    def of_gateway(self, pages: Sequence[Destination]) -> Workspace:
        """`pages` are pods of the platform's own namespace that the gateway leads to."""
        policies = gateway_policies(self.platform, GATEWAY_PODS, self.foundation.egress, pages)
        return self._create(gateway_namespace(self.platform), "gateway", policies)

    def of_gateway_alone(self) -> Workspace:
        """Of a Gateway whose proxies run elsewhere."""
        return self._create(gateway_namespace(self.platform), "gateway", no_pods_policies())

    def of_team(
        self, name: str, settings: Team, tracking: TrackingAccess, after: Sequence[pulumi.Resource]
    ) -> Workspace:
        """It is created after the controller of queues and the quota of its jobs, and deleted before them."""
        policies = team_policies(self._tracking, self.foundation.egress)
        return self._create(name, "team", policies, tracking, settings, after)

    def _create(
        self,
        name: str,
        component: str,
        policies: Policies,
        tracking: TrackingAccess | None = None,
        settings: Team | None = None,
        after: Sequence[pulumi.Resource] = (),
    ) -> Workspace:
        store = self.foundation.object_stores.get(name) if settings else None
        args = WorkspaceArgs(
            platform=self.platform,
            component=component,
            pull_config=self.foundation.registry.pull_config,
            tracking=tracking,
            dataset_credentials=store.credentials if store else None,
            team=name if settings else None,
            settings=settings,
            policies=policies,
            priorities=self.priorities,
            pod_security=pod_security(name, self.excepted),
            seconds_for_a_node=self.foundation.seconds_for_a_node,
            queued=self.queued,
            job_sets=self.job_sets,
        )
        return Workspace(name, args, self._after(*after))

    def _after(self, *others: pulumi.Resource) -> pulumi.ResourceOptions:
        depends_on = [*self.foundation.ready, self.admission, *others]
        return pulumi.ResourceOptions(providers=[self.foundation.kubernetes], depends_on=depends_on)
