"""The GatewayClass of the Gateway: one that the platform creates, with an Envoy Gateway of its own, or an existing one,
whose Envoy Gateway creates proxies and their load balancer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.foundation import Entrance
from infra.gateway.certificates import Certificates
from infra.gateway.configuration import proxy_settings
from infra.gateway.controller import ControllerArgs, controller
from infra.gateway.definitions import GatewayDefinitions
from infra.gateway.objects import ENVOY, Objects
from infra.gateway.proxies import ProxiesArgs, proxies
from infra.images import BuiltImage
from infra.networking import gateway as names
from infra.networking.network_policies import Pods
from infra.tenancy import Workspace
from infra.workloads.definitions import Manifest


@dataclass(frozen=True)
class ExistingClass:
    """It is neither created nor changed here."""

    name: str
    proxy_namespace: str
    """Where its Envoy Gateway runs proxies."""

    @property
    def https_port(self) -> int:
        """That callers use: of the Gateway's listener."""
        return names.LISTENER_PORT

    @property
    def has_certificate(self) -> bool:
        """Callers see the certificate of the Gateway's listener."""
        return False

    def proxies(self, platform: str) -> Pods:
        return names.proxies_of_existing_class(platform, self.proxy_namespace)


@dataclass(frozen=True)
class OwnClass:
    """It has the platform's name."""

    image: BuiltImage
    replicas: int
    entrance: Entrance
    routed: Mapping[str, pulumi.Resource]
    """Namespaces of teams with exposed endpoints, each with what creates it."""

    @property
    def https_port(self) -> int:
        return self.entrance.https_port

    @property
    def has_certificate(self) -> bool:
        return self.entrance.has_certificate

    def proxies(self, platform: str) -> Pods:
        return names.own_proxies(platform)


@dataclass(frozen=True)
class Installation:
    """Of the Envoy Gateway behind a class of the platform's own."""

    platform: str
    class_: OwnClass
    workspace: Workspace
    certificates: Certificates
    pages: bool
    """Whether there are routes to pages of the platform."""
    longest: int
    """Seconds that the longest request may take."""
    largest: int
    """Bytes of the largest request."""

    def create_class(self, objects: Objects) -> Manifest:
        """After its controller, and what this tells the proxies."""
        behind = ControllerArgs(
            self.platform,
            self.class_.image,
            self.workspace,
            self.class_.routed,
            self.pages,
            self.certificates,
            GatewayDefinitions("gateway-definitions", pulumi.ResourceOptions(parent=objects.parent)),
        )
        after = controller(behind, objects.parent)
        settings = objects.create("EnvoyProxy", names.GATEWAY, proxy_settings(), [after])
        parameters = {"group": ENVOY, "kind": "EnvoyProxy", "name": names.GATEWAY}
        spec = {
            "controllerName": names.controller_name(self.platform),
            "parametersRef": {**parameters, "namespace": self.workspace.namespace},
        }
        return objects.create("GatewayClass", self.platform, spec, [settings])

    def create_proxies(self, objects: Objects, after: Sequence[pulumi.Resource]) -> kubernetes.core.v1.Service:
        """Their Service."""
        in_front = ProxiesArgs(
            self.class_.image,
            self.workspace,
            self.certificates,
            self.class_.entrance,
            self.class_.replicas,
            self.longest,
            self.largest,
        )
        return proxies(in_front, objects.parent, after)
