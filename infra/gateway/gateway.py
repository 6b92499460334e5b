"""The Gateway: between its controller and its proxies, what it listens to and asks of its callers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import PLATFORM_LABEL, PROJECT, labels
from infra.declaration.gateway import Exposed
from infra.foundation import Entrance
from infra.gateway.certificates import Certificates, tls_secret
from infra.gateway.configuration import proxy_settings
from infra.gateway.controller import ControllerArgs, controller
from infra.gateway.definitions import GatewayDefinitions
from infra.gateway.pages import LONGEST, Page, reachable, specs
from infra.gateway.proxies import ProxiesArgs, proxies
from infra.images import BuiltImage
from infra.networking import gateway as names
from infra.secrets.generated import GeneratedPassword
from infra.tenancy import Workspace
from infra.workloads.definitions import Manifest

_STANDARD, _ENVOY = "gateway.networking.k8s.io/v1", "gateway.envoyproxy.io/v1alpha1"
_GROUP = "gateway.networking.k8s.io"
_CERTIFICATE = "certificate"
"""The Secret with what callers see."""
_YEAR = 31_536_000
_NO_HOST = "gateway.invalid"
"""In the certificate while no endpoint and no page is exposed."""


@dataclass(frozen=True)
class GatewayArgs:
    platform: str
    replicas: int
    entrance: Entrance
    image: BuiltImage
    workspace: Workspace
    routed: Mapping[str, pulumi.Resource]
    """Namespaces of teams with exposed endpoints, each with what creates it."""
    exposed: Exposed
    own: Workspace
    """Of the platform, with its pages."""
    pages: Sequence[Page]
    rotation: int
    """How often the stack's own authority has been rotated."""


class Gateway(pulumi.ComponentResource):
    """Must exist before the first route, and until the last one is deleted."""

    namespace: str
    workspace: Workspace
    trusted: pulumi.Output[str] | None
    """The authority that callers have to trust, in PEM; None: they know it."""
    address: pulumi.Output[str] | None
    """Of the load balancer; None: this machine's."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Gateway", name, None, opts)
        self._args, self.workspace, self.namespace = args, args.workspace, args.workspace.namespace
        password = GeneratedPassword(name, args.rotation, pulumi.ResourceOptions(parent=self))
        self._certificates = Certificates(args.platform, password)
        definitions = GatewayDefinitions("gateway-definitions", pulumi.ResourceOptions(parent=self))
        behind = ControllerArgs(
            args.platform,
            args.image,
            args.workspace,
            args.routed,
            bool(args.pages),
            self._certificates,
            definitions,
        )
        gateway = self._gateway(controller(behind, self))
        in_front = ProxiesArgs(
            args.image,
            args.workspace,
            self._certificates,
            args.entrance,
            args.replicas,
            args.exposed.longest,
            args.exposed.largest,
        )
        service = proxies(in_front, self, [gateway])
        self._pages(gateway)
        self.trusted = None if args.entrance.has_certificate else self._certificates.trusted
        self.address = None if args.entrance.cluster_ip else service.status.apply(_first_address)
        self.register_outputs({})

    @property
    def listener(self) -> names.Listener:
        return names.Listener(self._args.platform, self.namespace, self._args.entrance.https_port, self)

    def _gateway(self, after: pulumi.Resource) -> pulumi.Resource:
        """The Gateway, its class, what it tells its proxies, and the redirect to HTTPS."""
        args, entrance = self._args, self._args.entrance
        certificate = tls_secret(
            "gateway-certificate",
            ObjectMetaArgs(name=_CERTIFICATE, namespace=self.namespace, labels=labels(_CERTIFICATE, names.COMPONENT)),
            self._certificates.of_hosts(args.exposed.hosts or [_NO_HOST]),
            pulumi.ResourceOptions(parent=self, depends_on=[args.workspace]),
        )
        settings = self._object(_ENVOY, "EnvoyProxy", names.GATEWAY, proxy_settings(), [after])
        parameters = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": names.GATEWAY}
        class_spec = {
            "controllerName": names.controller_name(args.platform),
            "parametersRef": {**parameters, "namespace": self.namespace},
        }
        class_ = self._object(_STANDARD, "GatewayClass", args.platform, class_spec, [settings], namespaced=False)
        spec = {"gatewayClassName": args.platform, "listeners": [_redirecting(), self._listener()]}
        gateway = self._object(_STANDARD, "Gateway", names.GATEWAY, spec, [class_, certificate])
        self._object(_ENVOY, "ClientTrafficPolicy", names.GATEWAY, _of_clients(args), [gateway])
        redirect = {"scheme": "https", "port": entrance.https_port, "statusCode": 301}
        self._object(
            _STANDARD,
            "HTTPRoute",
            "to-https",
            {
                "parentRefs": [{"name": names.GATEWAY, "sectionName": names.REDIRECT}],
                "rules": [{"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}],
            },
            [gateway],
        )
        return gateway

    def _pages(self, gateway: pulumi.Resource) -> None:
        """Routes to them, after the policies that let their requests through."""
        pages = list(self._args.pages)
        after = [gateway, *reachable(self._args.platform, pages, self._args.own, self)]
        for page in pages:
            for kind, name, spec in specs(page):
                version = _STANDARD if kind == "HTTPRoute" else _ENVOY
                after = [*after, self._object(version, kind, name, spec, after)]

    def _listener(self) -> Mapping[str, object]:
        """Only HTTPRoutes in the namespaces of the platform's teams, and in the gateway's own, attach to it."""
        selector = {
            "matchLabels": {PLATFORM_LABEL: self._args.platform},
            "matchExpressions": [
                {"key": "app.kubernetes.io/component", "operator": "In", "values": ["team", names.COMPONENT]}
            ],
        }
        return {
            "name": names.LISTENER,
            "protocol": "HTTPS",
            "port": 443,
            "tls": {"mode": "Terminate", "certificateRefs": [{"name": _CERTIFICATE}]},
            "allowedRoutes": {"namespaces": {"from": "Selector", "selector": selector}},
        }

    def _object(
        self,
        version: str,
        kind: str,
        name: str,
        spec: Mapping[str, object],
        after: Sequence[pulumi.Resource],
        *,
        namespaced: bool = True,
    ) -> pulumi.Resource:
        metadata = {"name": name, "labels": labels(name, names.COMPONENT)}
        inside = {"namespace": self.namespace} if namespaced else {}
        manifest = {"apiVersion": version, "kind": kind, "metadata": {**metadata, **inside}, "spec": spec}
        return Manifest(f"gateway-{name}", manifest, pulumi.ResourceOptions(parent=self, depends_on=list(after)))


def _redirecting() -> Mapping[str, object]:
    """Only the platform's own redirect listens to plain HTTP."""
    routes = {"namespaces": {"from": "Same"}}
    return {"name": names.REDIRECT, "protocol": "HTTP", "port": 80, "allowedRoutes": routes}


def _of_clients(args: GatewayArgs) -> Mapping[str, object]:
    """TLS, HSTS and timeouts for clients. Headers by which a client could claim to be a caller are removed."""
    target = {"group": _GROUP, "kind": "Gateway", "name": names.GATEWAY, "sectionName": names.LISTENER}
    hsts = {"name": "Strict-Transport-Security", "value": f"max-age={_YEAR}"}
    return {
        "targetRefs": [target],
        "tls": {"minVersion": "1.2", "alpnProtocols": ["h2", "http/1.1"]},
        "timeout": {
            "http": {
                "requestReceivedTimeout": f"{LONGEST if args.pages else 60}s",
                "idleTimeout": "300s",
                "streamIdleTimeout": f"{max(300, args.exposed.longest)}s",
            }
        },
        "path": {"escapedSlashesAction": "UnescapeAndRedirect"},
        "headers": {
            "earlyRequestHeaders": {"remove": [names.CALLER, "X-Envoy-Original-Path"]},
            "lateResponseHeaders": {"set": [hsts]},
        },
    }


def _first_address(status: kubernetes.core.v1.outputs.ServiceStatus | None) -> str:
    found = status.load_balancer.ingress if status and status.load_balancer else None
    return (found[0].hostname or found[0].ip or "") if found else ""
