"""The foundations: where a platform can be deployed."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator

from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.cluster import ClusterFoundation
from infra.declaration.types import NonEmpty, Settings

LOCAL_BASE_IMAGE = "ml-platform/python:local"
"""The Debian image with Python that `make up` builds. `offline` defines this and the values below, too."""
LOCAL_DNS = "10.244.0.1"
"""The local cluster's node, on which CoreDNS runs and the registry's metrics are forwarded."""
LOCAL_PODS, LOCAL_SERVICES = "10.244.0.0/16", "10.96.0.0/16"


class LocalFoundation(Settings):
    """A Kubernetes cluster that `make up` starts, and a registry in this machine's Docker engine. Node pools are
    simulated."""

    registry_port: int = Field(
        default=5000,
        ge=1,
        le=65533,
        description="Loopback port of the registry; its metrics are on the next port, and the object store of datasets "
        "with `objects` on the one after it",
    )
    base_image: NonEmpty = Field(
        default=LOCAL_BASE_IMAGE,
        description="Image that the base image is built from: any Debian with Python. `make up` builds the default",
    )

    @property
    def registry_metrics_port(self) -> int:
        return self.registry_port + 1

    @property
    def object_store_port(self) -> int:
        return self.registry_port + 2

    @property
    def registry_metrics(self) -> str:
        """Scrape target of the registry's metrics, which the local cluster forwards."""
        return f"{LOCAL_DNS}:{self.registry_metrics_port}"


class Foundation(Settings):
    """Where the platform is deployed: exactly one."""

    local: LocalFoundation | None = Field(default=None, description="One Linux machine, with simulated node pools")
    cluster: ClusterFoundation | None = Field(
        default=None, description="A Kubernetes cluster and a registry that exist already"
    )
    aws: AwsFoundation | None = Field(default=None, description="One AWS account and region")

    @model_validator(mode="after")
    def _exactly_one(self) -> Foundation:
        declared = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if not declared:
            raise ValueError("no foundation is declared; declare 'local', 'cluster' or 'aws'")
        if len(declared) > 1:
            named = " and ".join(f"'{name}'" for name in declared)
            raise ValueError(f"{len(declared)} foundations are declared, {named}; declare one of them")
        return self

    @property
    def secrets(self) -> set[str]:
        """Names of the declared secrets that the foundation uses, and no pod."""
        return {name for _, name in self.cluster.named_secrets()} if self.cluster else set()

    @property
    def registry_has_password(self) -> bool:
        """Whether the platform generates the registry's password."""
        return self.local is not None

    @property
    def manages_grafana(self) -> bool:
        """Whether the foundation provides a Grafana."""
        return self.aws is not None and self.aws.managed_grafana is not None

    @property
    def internal_networks(self) -> Mapping[str, str]:
        """What each of the cluster's own networks has; empty: nobody has declared them."""
        if self.aws is not None:
            return {self.aws.network.cidr: "the VPC's nodes and pods", self.aws.cluster.service_cidr: "Services"}
        if self.cluster is not None:
            return dict.fromkeys(self.cluster.internal_cidrs, "foundation.cluster.internalCidrs")
        return {LOCAL_PODS: "pods and the node", LOCAL_SERVICES: "Services"}

    @property
    def simulates_pools(self) -> bool:
        """Whether node pools are simulated, in any cluster: pods are scheduled but never executed."""
        return self.local is not None
