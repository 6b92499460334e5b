"""The Gateway: what it listens to, what it asks of its callers, and the Envoy Gateway behind it, unless its class
exists already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import PLATFORM_LABEL, PROJECT, labels
from infra.declaration.gateway import Exposed
from infra.gateway.certificates import Certificates, tls_secret
from infra.gateway.classes import ExistingClass, Installation, OwnClass
from infra.gateway.objects import STANDARD, Objects
from infra.gateway.pages import LONGEST, Page, grant, reachable, specs
from infra.networking import gateway as names
from infra.secrets.generated import GeneratedPassword
from infra.tenancy import Workspace
from infra.workloads.definitions import Manifest

_CERTIFICATE = "certificate"
"""The Secret with what callers see."""
_YEAR = 31_536_000
_NO_HOST = "gateway.invalid"
"""In the certificate while no endpoint and no page is exposed."""
_PROGRAMMED = {"pulumi.com/waitFor": "condition=Programmed"}
"""Proxies run and the Gateway has an address."""


@dataclass(frozen=True)
class GatewayArgs:
    platform: str
    class_: OwnClass | ExistingClass
    workspace: Workspace
    exposed: Exposed
    own: Workspace
    """Of the platform, with its pages."""
    pages: Sequence[Page]
    rotation: int
    """How often the stack's own authority has been rotated."""


class Gateway(pulumi.ComponentResource):
    """Must exist before the first route, and until the last one is deleted."""

    namespace: str
    workspace: Workspace | None
    """The namespace with proxies of the platform's own; None: they are those of an existing class."""
    trusted: pulumi.Output[str] | None
    """The authority that callers have to trust, in PEM; None: they know it."""
    address: pulumi.Output[str] | None
    """Of the load balancer; None: this machine's."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Gateway", name, None, opts)
        self._args, self.namespace = args, args.workspace.namespace
        password = GeneratedPassword(name, args.rotation, pulumi.ResourceOptions(parent=self))
        self._certificates = Certificates(args.platform, password)
        self._objects = Objects(self.namespace, self)
        if isinstance(args.class_, ExistingClass):
            self.workspace = None
            self.address = self._of_existing_class(args.class_)
        else:
            self.workspace = args.workspace
            self.address = self._of_own_class(args.class_)
        self.trusted = None if args.class_.has_certificate else self._certificates.trusted
        self.register_outputs({})

    @property
    def listener(self) -> names.Listener:
        class_ = self._args.class_
        return names.Listener(class_.proxies(self._args.platform), self.namespace, class_.https_port, self)

    def _of_existing_class(self, class_: ExistingClass) -> pulumi.Output[str]:
        """Its address. Routes to pages name Services, with a grant: Backends are switched off by default."""
        gateway = self._gateway(class_.name, [], _PROGRAMMED)
        self._pages(gateway, granted=True)
        return gateway.status.apply(_address)

    def _of_own_class(self, class_: OwnClass) -> pulumi.Output[str] | None:
        """Its address. The Gateway is between its controller and its proxies."""
        args = self._args
        installation = Installation(
            args.platform,
            class_,
            args.workspace,
            self._certificates,
            bool(args.pages),
            args.exposed.longest,
            args.exposed.largest,
        )
        gateway = self._gateway(args.platform, [installation.create_class(self._objects)])
        service = installation.create_proxies(self._objects, [gateway])
        self._pages(gateway, granted=False)
        return None if class_.entrance.cluster_ip else service.status.apply(_address_of_service)

    def _gateway(
        self, class_: str, after: Sequence[pulumi.Resource], annotations: Mapping[str, str] | None = None
    ) -> Manifest:
        """The Gateway, what it asks of clients, and the redirect to HTTPS."""
        args = self._args
        certificate = tls_secret(
            "gateway-certificate",
            ObjectMetaArgs(name=_CERTIFICATE, namespace=self.namespace, labels=labels(_CERTIFICATE, names.COMPONENT)),
            self._certificates.of_hosts(args.exposed.hosts or [_NO_HOST]),
            pulumi.ResourceOptions(parent=self, depends_on=[args.workspace]),
        )
        spec = {"gatewayClassName": class_, "listeners": [_redirecting(), self._listener()]}
        gateway = self._objects.create("Gateway", names.GATEWAY, spec, [*after, certificate], annotations=annotations)
        self._objects.create("ClientTrafficPolicy", names.GATEWAY, _of_clients(args), [gateway])
        redirect = {"scheme": "https", "port": args.class_.https_port, "statusCode": 301}
        to_https = {
            "parentRefs": [{"name": names.GATEWAY, "sectionName": names.REDIRECT}],
            "rules": [{"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}],
        }
        self._objects.create("HTTPRoute", "to-https", to_https, [gateway])
        return gateway

    def _pages(self, gateway: pulumi.Resource, *, granted: bool) -> None:
        """Routes to them, after the policies that let their requests through."""
        args, objects = self._args, self._objects
        proxies, pages = args.class_.proxies(args.platform), list(args.pages)
        after = [gateway, *reachable(proxies, pages, args.own, self)]
        if pages and granted:
            spec = grant(pages, self.namespace)
            after.append(objects.create("ReferenceGrant", "pages", spec, after, namespace=args.own.namespace))
        for page in pages:
            for kind, name, spec in specs(page, granted=granted):
                after = [*after, objects.create(kind, name, spec, after)]

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
            "port": names.LISTENER_PORT,
            "tls": {"mode": "Terminate", "certificateRefs": [{"name": _CERTIFICATE}]},
            "allowedRoutes": {"namespaces": {"from": "Selector", "selector": selector}},
        }


def _redirecting() -> Mapping[str, object]:
    """Only the platform's own redirect listens to plain HTTP."""
    routes = {"namespaces": {"from": "Same"}}
    return {"name": names.REDIRECT, "protocol": "HTTP", "port": 80, "allowedRoutes": routes}


def _of_clients(args: GatewayArgs) -> Mapping[str, object]:
    """TLS, HSTS and timeouts for clients. Headers by which a client could claim to be a caller are removed."""
    target = {"group": STANDARD, "kind": "Gateway", "name": names.GATEWAY, "sectionName": names.LISTENER}
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


def _address_of_service(status: kubernetes.core.v1.outputs.ServiceStatus | None) -> str:
    found = status.load_balancer.ingress if status and status.load_balancer else None
    return (found[0].hostname or found[0].ip or "") if found else ""


def _address(status: Mapping[str, Any] | None) -> str:
    """Of a Gateway."""
    found = (status or {}).get("addresses") or []
    return str(found[0]["value"]) if found else ""
