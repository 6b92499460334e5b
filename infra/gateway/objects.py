"""Objects of the Gateway API and of Envoy Gateway, as the component of the gateway creates them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.catalogue.names import labels
from infra.networking.gateway import COMPONENT
from infra.workloads.definitions import Manifest

STANDARD, ENVOY = "gateway.networking.k8s.io", "gateway.envoyproxy.io"
"""Their API groups."""
VERSIONS: Mapping[str, str] = {
    **dict.fromkeys(("GatewayClass", "Gateway", "HTTPRoute"), f"{STANDARD}/v1"),
    "ReferenceGrant": f"{STANDARD}/v1beta1",
    **dict.fromkeys(("Backend", "BackendTrafficPolicy", "ClientTrafficPolicy", "EnvoyProxy"), f"{ENVOY}/v1alpha1"),
}
"""By kind."""


@dataclass(frozen=True)
class Objects:
    """`namespace` is that of the Gateway."""

    namespace: str
    parent: pulumi.Resource

    def create(
        self,
        kind: str,
        name: str,
        spec: Mapping[str, object],
        after: Sequence[pulumi.Resource],
        *,
        namespace: str | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Of a kind without namespaces, or in the Gateway's namespace unless another one is named."""
        metadata = {
            "name": name,
            "labels": labels(name, COMPONENT),
            **({} if kind == "GatewayClass" else {"namespace": namespace or self.namespace}),
            **({"annotations": annotations} if annotations else {}),
        }
        manifest = {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": metadata, "spec": spec}
        return Manifest(f"gateway-{name}", manifest, pulumi.ResourceOptions(parent=self.parent, depends_on=list(after)))
