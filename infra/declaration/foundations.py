"""The places that a platform can stand on."""

from __future__ import annotations

from pydantic import Field, model_validator

from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.aws.types import Address
from infra.declaration.settings import Settings

OWN_CONTEXT = "ml-platform"
"""The kube context of the cluster that the project itself makes."""


class LocalFoundation(Settings):
    """One machine: a registry in its Docker engine, a Kubernetes cluster that a kube context names."""

    kube_context: str = Field(default=OWN_CONTEXT, description="The context in the kubeconfig that names the cluster")
    registry_port: int = Field(
        default=5000, ge=1, le=65534, description="The registry's port, on loopback only; at the next are its metrics"
    )
    base_image: str = Field(
        default="ml-platform/python:local", description="What the base image is built from: any Debian with Python"
    )
    dns: Address = Field(
        default="10.244.0.1", description="Where names are answered, beside the pods labelled k8s-app=kube-dns"
    )
    storage_class: str | None = Field(default=None, description="For volumes; without it the cluster's default class")

    @property
    def registry_metrics_port(self) -> int:
        return self.registry_port + 1

    @property
    def registry_metrics(self) -> str | None:
        """Where pods are told them. In the project's own cluster the machine itself answers names, and leads there."""
        return f"{self.dns}:{self.registry_metrics_port}" if self.kube_context == OWN_CONTEXT else None


class Foundation(Settings):
    """The place that the platform stands on: exactly one."""

    local: LocalFoundation | None = Field(default=None, description="One Linux machine, or a cluster of your own")
    aws: AwsFoundation | None = Field(default=None, description="One AWS account and region")

    @model_validator(mode="after")
    def _exactly_one(self) -> Foundation:
        if self.local is None and self.aws is None:
            raise ValueError("names no place; declare 'local' or 'aws'")
        if self.local is not None and self.aws is not None:
            raise ValueError("names two places; declare 'local' or 'aws', not both")
        return self

    @property
    def registry_has_password(self) -> bool:
        """Otherwise everybody logs in by an identity of their own."""
        return self.local is not None

    @property
    def manages_grafana(self) -> bool:
        """Whether the place itself runs one."""
        return self.aws is not None and self.aws.managed_grafana is not None

    @property
    def simulates_pools(self) -> bool:
        """Whether pods in node pools only look as if they ran."""
        return self.local is not None
