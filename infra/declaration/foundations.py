"""The foundations: where a platform can be deployed."""

from __future__ import annotations

from pydantic import Field, model_validator

from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.types import Address, NonEmpty, Settings

LOCAL_CONTEXT = "ml-platform"
"""Kube context of the local cluster that `make up` starts. `offline` defines this and the two values below, too."""
LOCAL_BASE_IMAGE = "ml-platform/python:local"
"""The Debian image with Python that `make up` builds."""
LOCAL_DNS = "10.244.0.1"
"""The local cluster's node, on which CoreDNS runs and the registry's metrics are forwarded."""


class LocalFoundation(Settings):
    """A Kubernetes cluster, and a registry in this machine's Docker engine. Node pools are simulated.

    Defaults are for the local cluster that `make up` starts.
    """

    kube_context: NonEmpty = Field(
        default=LOCAL_CONTEXT, description="Kube context of the cluster, as in your kubeconfig"
    )
    registry_port: int = Field(
        default=5000, ge=1, le=65534, description="Loopback port of the registry; its metrics are on the next port"
    )
    base_image: NonEmpty = Field(
        default=LOCAL_BASE_IMAGE,
        description="Image that the base image is built from: any Debian with Python. `make up` builds the default",
    )
    dns: Address = Field(
        default=LOCAL_DNS,
        description="IP address of a DNS server that pods may reach, besides pods labelled k8s-app=kube-dns",
    )
    storage_class: NonEmpty | None = Field(
        default=None, description="StorageClass of volumes; none: the cluster's default"
    )

    @property
    def registry_metrics_port(self) -> int:
        return self.registry_port + 1

    @property
    def registry_metrics(self) -> str | None:
        """Scrape target of the registry's metrics; None for other clusters. The local cluster forwards it."""
        return f"{self.dns}:{self.registry_metrics_port}" if self.kube_context == LOCAL_CONTEXT else None


class Foundation(Settings):
    """Where the platform is deployed: exactly one."""

    local: LocalFoundation | None = Field(default=None, description="One Linux machine, or a cluster of your own")
    aws: AwsFoundation | None = Field(default=None, description="One AWS account and region")

    @model_validator(mode="after")
    def _exactly_one(self) -> Foundation:
        if self.local is None and self.aws is None:
            raise ValueError("no foundation is declared; declare 'local' or 'aws'")
        if self.local is not None and self.aws is not None:
            raise ValueError("two foundations are declared; declare 'local' or 'aws', not both")
        return self

    @property
    def registry_has_password(self) -> bool:
        """Whether clients log in to the registry with a password, not with an IAM identity."""
        return self.local is not None

    @property
    def manages_grafana(self) -> bool:
        """Whether the foundation provides a Grafana."""
        return self.aws is not None and self.aws.managed_grafana is not None

    @property
    def simulates_pools(self) -> bool:
        """Whether node pools are simulated, in any cluster: pods are scheduled but never executed."""
        return self.local is not None
