"""Envoy: the proxies that callers connect to, and the Service in front of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
import yaml
from pulumi_kubernetes.core.v1 import PodTemplateSpecArgs, ServicePortArgs, ServiceSpecArgs

from infra.catalogue.names import DOMAIN, METRICS_PORT_NAME, PROXY, fingerprint, labels
from infra.declaration.workloads import Resources
from infra.foundation import Entrance
from infra.gateway.certificates import Certificates, tls_secret
from infra.gateway.configuration import CERTIFICATES, SDS, bootstrap, sds_files
from infra.images import BuiltImage
from infra.networking import gateway as names
from infra.tenancy import Workspace
from infra.workloads.api_access import Access, api_account
from infra.workloads.deployment import DeploymentFactory, probe
from infra.workloads.pod import Container, config_mount, pod_template, secret_mount

_CPU, _MIB, _MEMORY = "100m", 2**20, 128
"""Memory in MiB, beside requests."""
_BUFFERED = 32
"""The largest requests that a proxy keeps at a time."""
_CONFIG, _BOOTSTRAP = "/etc/envoy", "bootstrap.yaml"
_DRAIN = 60
"""Seconds that a proxy which ends waits for open connections, at least."""


@dataclass(frozen=True)
class ProxiesArgs:
    image: BuiltImage
    workspace: Workspace
    certificates: Certificates
    entrance: Entrance
    replicas: int
    longest: int
    """Seconds that the longest request may take."""
    largest: int
    """Bytes of the largest request."""

    @property
    def memory(self) -> int:
        """MiB."""
        return _MEMORY + _BUFFERED * -(-self.largest // _MIB)

    @property
    def drain(self) -> int:
        """Seconds."""
        return max(_DRAIN, self.longest)


def proxies(args: ProxiesArgs, parent: pulumi.Resource, after: Sequence[pulumi.Resource]) -> kubernetes.core.v1.Service:
    """Their Service. Their Deployment comes after the Gateway, without which they are never ready."""
    namespace = args.workspace.namespace
    server = DeploymentFactory(PROXY, names.PROXY_COMPONENT, args.workspace, parent, names.owned(namespace))
    inside = pulumi.ResourceOptions(parent=parent, depends_on=[args.workspace])
    start = yaml.safe_dump(bootstrap(namespace, args.memory * _MIB * 4 // 5), sort_keys=False)
    needed = [
        *after,
        server.config({_BOOTSTRAP: start, **sds_files()}),
        tls_secret(PROXY, server.metadata, args.certificates.of_proxy(namespace), inside),
        *api_account(server, Access(), {}),
    ]
    server.deployment(_template(args, server, start), needed, replicas=args.replicas)
    if args.replicas > 1:
        server.disruption_budget()
    _metrics_service(server, inside)
    return _service(args.entrance, server, inside)


def _template(args: ProxiesArgs, server: DeploymentFactory, start: str) -> PodTemplateSpecArgs:
    return pod_template(
        _container(args),
        args.workspace,
        account=PROXY,
        labels=server.labels,
        annotations={f"{DOMAIN}/configuration": fingerprint(start)},
        grace_seconds=args.drain + 10,
        spread=server.selector if args.replicas > 1 else None,
    )


def _container(args: ProxiesArgs) -> Container:
    options = {
        "service-cluster": f"{args.workspace.namespace}/{names.GATEWAY}",
        "config-path": f"{_CONFIG}/{_BOOTSTRAP}",
        "concurrency": "2",
        "log-level": "warn",
        "component-log-level": "misc:error",
        "drain-strategy": "immediate",
        "drain-time-s": str(args.drain),
    }
    return Container(
        name=PROXY,
        image=args.image.reference,
        resources=Resources(cpu=_CPU, memory=f"{args.memory}Mi"),
        command=["serve-proxy"],
        args=[word for option, value in options.items() for word in (f"--{option}", value)],
        ports={
            names.REDIRECT: names.HTTP_PORT,
            names.LISTENER: names.HTTPS_PORT,
            METRICS_PORT_NAME: names.METRICS_PORT,
            "ready": names.READY_PORT,
        },
        mounts=[
            config_mount("config", PROXY, _CONFIG, {_BOOTSTRAP: _BOOTSTRAP}),
            config_mount("sds", PROXY, SDS, {file: file for file in sds_files()}),
            secret_mount("certificates", PROXY, CERTIFICATES),
        ],
        pre_stop=[names.CONTROLLER, "envoy", "shutdown", f"--drain-timeout={args.drain}s", "--min-drain-duration=5s"],
        startup_probe=probe("/ready", port="ready", period=1, failures=120),
        readiness_probe=probe("/ready", port="ready", period=2, failures=2),
        liveness_probe=probe("/ready", port="ready", period=10, failures=6),
    )


def _metrics_service(server: DeploymentFactory, opts: pulumi.ResourceOptions) -> None:
    """Without the labels by which the controller finds the Gateway's address: this Service has none."""
    metadata = server.metadata
    metadata.name, metadata.annotations = names.PROXY_METRICS, {"pulumi.com/skipAwait": "true"}
    metadata.labels = labels(PROXY, names.PROXY_COMPONENT)
    port = ServicePortArgs(name=METRICS_PORT_NAME, port=names.METRICS_PORT, target_port=METRICS_PORT_NAME)
    spec = ServiceSpecArgs(cluster_ip="None", selector=server.selector, ports=[port])
    kubernetes.core.v1.Service(names.PROXY_METRICS, metadata=metadata, spec=spec, opts=opts)


def _service(entrance: Entrance, server: DeploymentFactory, opts: pulumi.ResourceOptions) -> kubernetes.core.v1.Service:
    metadata, ports = server.metadata, {names.REDIRECT: 80, names.LISTENER: 443}
    wait = {"pulumi.com/skipAwait": "true"} if entrance.type == "ClusterIP" else {}
    metadata.annotations = {**entrance.annotations, **wait}
    return kubernetes.core.v1.Service(
        PROXY,
        metadata=metadata,
        spec=ServiceSpecArgs(
            type=entrance.type,
            cluster_ip=entrance.cluster_ip,
            load_balancer_class=entrance.load_balancer_class,
            # Source ranges do not apply to node ports.
            allocate_load_balancer_node_ports=False if entrance.reaches_pods else None,
            load_balancer_source_ranges=list(entrance.source_cidrs) or None,
            selector=server.selector,
            ports=[ServicePortArgs(name=name, port=port, target_port=name) for name, port in ports.items()],
        ),
        opts=opts,
    )
