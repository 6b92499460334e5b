"""The Gateway and its proxies, and the controller behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
import yaml
from pulumi_kubernetes.core.v1 import ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from infra.catalogue.names import DOMAIN, METRICS_PORT_NAME, PLATFORM_LABEL, PROJECT, TEAM_LABEL, fingerprint, labels
from infra.declaration.workloads import Resources
from infra.foundation import Entrance
from infra.gateway.certificates import TLS, Certificates
from infra.gateway.configuration import CERTIFICATES, SDS, bootstrap, proxy_settings, sds_files
from infra.gateway.controller import ControllerArgs, controller
from infra.gateway.definitions import GatewayDefinitions
from infra.images import BuiltImage
from infra.networking import gateway as names
from infra.secrets.generated import GeneratedPassword
from infra.tenancy import Workspace
from infra.workloads.definitions import Manifest
from infra.workloads.deployment import DeploymentFactory, probe
from infra.workloads.pod import Container, config_mount, pod_template, secret_mount

_CPU, _MIB, _MEMORY = "100m", 2**20, 128
"""Memory in MiB, beside requests."""
_BUFFERED = 32
"""The largest requests that a proxy keeps at a time."""
_CONFIG = "/etc/envoy"
_STANDARD, _ENVOY = "gateway.networking.k8s.io/v1", "gateway.envoyproxy.io/v1alpha1"
_GROUP = "gateway.networking.k8s.io"
_DRAIN = 60
"""Seconds that a proxy which ends waits for open connections, at least."""
_YEAR = 31_536_000
_NO_HOST = "gateway.invalid"
"""In the certificate while no endpoint is exposed."""


@dataclass(frozen=True)
class GatewayArgs:
    platform: str
    replicas: int
    entrance: Entrance
    image: BuiltImage
    workspace: Workspace
    routed: Mapping[str, pulumi.Resource]
    """Namespaces of teams with exposed endpoints, each with what creates it."""
    hosts: Sequence[str]
    """Of exposed endpoints."""
    longest: int
    """Seconds that the longest request may take."""
    largest: int
    """Bytes of the largest request."""
    rotation: int
    """How often the stack's own authority has been rotated."""


class Gateway(pulumi.ComponentResource):
    """Must exist before the first route, and until the last one is deleted."""

    namespace: str
    trusted: pulumi.Output[str] | None
    """The authority that callers have to trust, in PEM; None: they know it."""
    address: pulumi.Output[str] | None
    """Of the load balancer; None: this machine's."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Gateway", name, None, opts)
        self._args, self.namespace = args, args.workspace.namespace
        self._server = DeploymentFactory(names.PROXY, names.PROXY_COMPONENT, args.workspace, self, self._owned)
        password = GeneratedPassword(name, args.rotation, pulumi.ResourceOptions(parent=self))
        self._certificates = Certificates(args.platform, password)
        definitions = GatewayDefinitions("gateway-definitions", pulumi.ResourceOptions(parent=self))
        behind = ControllerArgs(args.platform, args.image, args.workspace, args.routed, self._certificates, definitions)
        gateway = self._gateway(controller(behind, self))
        service = self._service()
        self._deployment([gateway])
        if args.replicas > 1:
            self._disruption_budget()
        self.trusted = None if args.entrance.has_certificate else self._certificates.trusted
        self.address = None if args.entrance.cluster_ip else service.status.apply(_first_address)
        self.register_outputs({})

    @property
    def listener(self) -> names.Listener:
        return names.Listener(self._args.platform, self.namespace, self._args.entrance.https_port, self)

    @property
    def _owned(self) -> Mapping[str, str]:
        """Labels by which the controller finds the proxies of a Gateway."""
        prefix = "gateway.envoyproxy.io/owning-gateway"
        return {
            "app.kubernetes.io/managed-by": "envoy-gateway",
            f"{prefix}-name": names.GATEWAY,
            f"{prefix}-namespace": self.namespace,
        }

    def _gateway(self, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        """The Gateway, its class, what it tells its proxies, and the redirect to HTTPS."""
        args, entrance = self._args, self._args.entrance
        certificate = kubernetes.core.v1.Secret(
            "gateway-certificate",
            metadata=self._metadata("certificate"),
            type=TLS,
            string_data=self._certificates.of_hosts(args.hosts or [_NO_HOST]),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.workspace]),
        )
        settings = self._object(_ENVOY, "EnvoyProxy", names.GATEWAY, proxy_settings(), after)
        parameters = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": names.GATEWAY}
        class_spec = {
            "controllerName": names.controller_name(args.platform),
            "parametersRef": {**parameters, "namespace": self.namespace},
        }
        class_ = self._object(_STANDARD, "GatewayClass", args.platform, class_spec, [settings], namespaced=False)
        spec = {"gatewayClassName": args.platform, "listeners": [_redirecting(), self._listener()]}
        gateway = self._object(_STANDARD, "Gateway", names.GATEWAY, spec, [class_, certificate])
        self._object(_ENVOY, "ClientTrafficPolicy", names.GATEWAY, _of_clients(args.longest), [gateway])
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

    def _listener(self) -> Mapping[str, object]:
        """Routes of the platform's teams, and of nobody else, get requests from it."""
        selector = {
            "matchLabels": {PLATFORM_LABEL: self._args.platform},
            "matchExpressions": [{"key": TEAM_LABEL, "operator": "Exists"}],
        }
        return {
            "name": names.LISTENER,
            "protocol": "HTTPS",
            "port": 443,
            "tls": {"mode": "Terminate", "certificateRefs": [{"name": "certificate"}]},
            "allowedRoutes": {"namespaces": {"from": "Selector", "selector": selector}},
        }

    def _deployment(self, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        args = self._args
        memory = _MEMORY + _BUFFERED * -(-args.largest // _MIB)
        heap = memory * _MIB * 4 // 5
        start = yaml.safe_dump(bootstrap(self.namespace, heap), sort_keys=False)
        config = self._server.config({"bootstrap.yaml": start, **sds_files()})
        certificate = kubernetes.core.v1.Secret(
            names.PROXY,
            metadata=self._server.metadata,
            type=TLS,
            string_data=self._certificates.of_proxy(self.namespace),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.workspace]),
        )
        drain = max(_DRAIN, args.longest)
        container = Container(
            name=names.PROXY,
            image=args.image.reference,
            resources=Resources(cpu=_CPU, memory=f"{memory}Mi"),
            command=["serve-proxy"],
            args=[
                *("--service-cluster", f"{self.namespace}/{names.GATEWAY}"),
                *("--config-path", f"{_CONFIG}/bootstrap.yaml"),
                *(
                    "--concurrency",
                    "2",
                    "--log-level",
                    "warn",
                    "--component-log-level",
                    "misc:error",
                    "--drain-strategy",
                    "immediate",
                ),
                *("--drain-time-s", str(drain)),
            ],
            ports={
                names.REDIRECT: names.HTTP_PORT,
                names.LISTENER: names.HTTPS_PORT,
                METRICS_PORT_NAME: names.METRICS_PORT,
                "ready": names.READY_PORT,
            },
            mounts=[
                config_mount("config", names.PROXY, _CONFIG, {"bootstrap.yaml": "bootstrap.yaml"}),
                config_mount("sds", names.PROXY, SDS, {file: file for file in sds_files()}),
                secret_mount("certificates", names.PROXY, CERTIFICATES),
            ],
            pre_stop=[names.CONTROLLER, "envoy", "shutdown", f"--drain-timeout={drain}s", "--min-drain-duration=5s"],
            startup_probe=probe("/ready", port="ready", period=1, failures=120),
            readiness_probe=probe("/ready", port="ready", period=2, failures=2),
            liveness_probe=probe("/ready", port="ready", period=10, failures=6),
        )
        account = kubernetes.core.v1.ServiceAccount(
            f"{self.namespace}-{names.PROXY}",
            metadata=self._server.metadata,
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.workspace]),
        )
        template = pod_template(
            container,
            args.workspace,
            account=names.PROXY,
            labels=self._server.labels,
            annotations={f"{DOMAIN}/configuration": fingerprint(start)},
            grace_seconds=drain + 10,
            spread=self._server.selector if args.replicas > 1 else None,
        )
        return self._server.deployment(template, [*after, config, certificate, account], replicas=args.replicas)

    def _service(self) -> kubernetes.core.v1.Service:
        entrance, metadata = self._args.entrance, self._server.metadata
        wait = {"pulumi.com/skipAwait": "true"} if entrance.type == "ClusterIP" else {}
        metadata.annotations = {**entrance.annotations, **wait}
        ports = {names.REDIRECT: 80, names.LISTENER: 443}
        return kubernetes.core.v1.Service(
            names.PROXY,
            metadata=metadata,
            spec=ServiceSpecArgs(
                type=entrance.type,
                cluster_ip=entrance.cluster_ip,
                load_balancer_class=entrance.load_balancer_class,
                # Source ranges do not apply to node ports.
                allocate_load_balancer_node_ports=False if entrance.reaches_pods else None,
                load_balancer_source_ranges=list(entrance.source_cidrs) or None,
                selector=self._server.selector,
                ports=[ServicePortArgs(name=name, port=port, target_port=name) for name, port in ports.items()],
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._args.workspace]),
        )

    def _disruption_budget(self) -> None:
        kubernetes.policy.v1.PodDisruptionBudget(
            names.PROXY,
            metadata=self._server.metadata,
            spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=LabelSelectorArgs(match_labels=self._server.selector)
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._args.workspace]),
        )

    def _metadata(self, name: str) -> kubernetes.meta.v1.ObjectMetaArgs:
        return kubernetes.meta.v1.ObjectMetaArgs(
            name=name, namespace=self.namespace, labels=labels(name, names.COMPONENT)
        )

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


def _of_clients(longest: int) -> Mapping[str, object]:
    """TLS, HSTS and timeouts of everybody who calls. Nobody says by a header who they are."""
    target = {"group": _GROUP, "kind": "Gateway", "name": names.GATEWAY, "sectionName": names.LISTENER}
    hsts = {"name": "Strict-Transport-Security", "value": f"max-age={_YEAR}"}
    return {
        "targetRefs": [target],
        "tls": {"minVersion": "1.2", "alpnProtocols": ["h2", "http/1.1"]},
        "timeout": {
            "http": {
                "requestReceivedTimeout": "60s",
                "idleTimeout": "300s",
                "streamIdleTimeout": f"{max(300, longest)}s",
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
