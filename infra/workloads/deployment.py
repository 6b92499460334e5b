"""A Deployment and what belongs to it: ConfigMap, Secret, PersistentVolumeClaim, Service, probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apps.v1 import DeploymentSpecArgs, DeploymentStrategyArgs, RollingUpdateDeploymentArgs
from pulumi_kubernetes.core.v1 import (
    HTTPGetActionArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    ServicePortArgs,
    ServiceSpecArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.catalogue import names as naming
from infra.foundation import Volume
from infra.tenancy import Workspace
from infra.workloads.pod import Mount
from infra.workloads.volume_claims import claim_mount, volume_claim

HTTP = "http"
"""The default port name of Services and probes."""
_DATA = "/data"
_TIMEOUT = 180
_MINUTE = 60


@dataclass(frozen=True)
class DeploymentFactory:
    """Creates the resources of one program in a namespace; all have its name."""

    name: str
    component: str
    workspace: Workspace
    parent: pulumi.Resource
    more_labels: Mapping[str, str] = field(default_factory=dict)
    """Beside the recommended ones, by which others find its objects."""

    @property
    def labels(self) -> dict[str, str]:
        return naming.labels(self.name, self.component, **self.more_labels)

    @property
    def selector(self) -> dict[str, str]:
        return naming.selector(self.name, self.component)

    @property
    def metadata(self) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=self.name, namespace=self.workspace.namespace, labels=self.labels)

    def config(self, files: Mapping[str, pulumi.Input[str]]) -> pulumi.Resource:
        """Files in a ConfigMap."""
        return kubernetes.core.v1.ConfigMap(self.name, metadata=self.metadata, data=files, opts=self._inside)

    def secret(self, files: Mapping[str, pulumi.Input[str]]) -> pulumi.Resource:
        """Files in a Secret."""
        return kubernetes.core.v1.Secret(self.name, metadata=self.metadata, string_data=files, opts=self._inside)

    def data(self, size: str, volume: Volume, protect: bool) -> tuple[Mount, pulumi.Resource]:
        """A volume that outlives the pod."""
        opts = pulumi.ResourceOptions(parent=self.parent, depends_on=[self.workspace], protect=protect)
        claim = volume_claim(self.name, self.metadata, size, volume, opts)
        return claim_mount("data", self.name, _DATA), claim

    def deployment(
        self,
        template: PodTemplateSpecArgs,
        after: Sequence[pulumi.Resource],
        *,
        replicas: int = 1,
        scaled: bool = False,
        max_surge: int = 1,
        recreate: bool = False,
        timeout: int = _TIMEOUT,
        min_ready_seconds: int | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> pulumi.Resource:
        """Pods that must be ready within `timeout` seconds, besides the time to get a node.

        In a rollout new pods are ready before old ones are deleted, unless `max_surge` is 0. `recreate`: two pods must
        not use the same data. `scaled`: `replicas` is the number at first, and then an autoscaler sets it.
        """
        overlapping = DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=RollingUpdateDeploymentArgs(max_unavailable=0 if max_surge else 1, max_surge=max_surge),
        )
        deadline = max(timeout, start_seconds(template)) + self.workspace.seconds_for_a_node
        wait, metadata = f"{deadline}s", self.metadata
        metadata.annotations = annotations
        return kubernetes.apps.v1.Deployment(
            self.name,
            metadata=metadata,
            spec=DeploymentSpecArgs(
                replicas=replicas,
                strategy=DeploymentStrategyArgs(type="Recreate") if recreate else overlapping,
                progress_deadline_seconds=deadline,
                min_ready_seconds=min_ready_seconds,
                selector=LabelSelectorArgs(match_labels=self.selector),
                template=template,
            ),
            opts=pulumi.ResourceOptions(
                parent=self.parent,
                depends_on=list(after),
                custom_timeouts=pulumi.CustomTimeouts(create=wait, update=wait),
                ignore_changes=["spec.replicas"] if scaled else None,
            ),
        )

    def service(self, port: int, target: str = HTTP, after: pulumi.Resource | None = None) -> pulumi.Resource:
        """Not awaited: its pods are, and the provider's own wait for a Service takes ten seconds."""
        metadata = self.metadata
        metadata.annotations = {"pulumi.com/skipAwait": "true"}
        return kubernetes.core.v1.Service(
            self.name,
            metadata=metadata,
            spec=ServiceSpecArgs(
                selector=self.selector, ports=[ServicePortArgs(name=target, port=port, target_port=target)]
            ),
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=[after or self.workspace]),
        )

    def disruption_budget(self) -> pulumi.Resource:
        """A drain takes one pod at a time."""
        return kubernetes.policy.v1.PodDisruptionBudget(
            self.name,
            metadata=self.metadata,
            spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=LabelSelectorArgs(match_labels=self.selector)
            ),
            opts=self._inside,
        )

    @property
    def _inside(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self.parent, depends_on=[self.workspace])


def start_seconds(template: PodTemplateSpecArgs) -> int:
    """How long a pod may take to start by its startup probes, and a minute to be scheduled and to pull its image."""
    spec: Any = template.spec  # of our own making: plain values
    probes = [container.startup_probe for container in spec.containers if container.startup_probe]
    return max((probe.period_seconds * probe.failure_threshold for probe in probes), default=0) + _MINUTE


def probe(path: str, *, period: int, failures: int, port: str = HTTP, timeout: int = 5) -> ProbeArgs:
    """An HTTP probe; all times are in seconds."""
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path=path, port=port),
        period_seconds=period,
        failure_threshold=failures,
        timeout_seconds=timeout,
    )
