"""Envoy Gateway: it turns routes into the configuration of the proxies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import EmptyDirVolumeSourceArgs, ServicePortArgs, ServiceSpecArgs, VolumeArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import DOMAIN, fingerprint
from infra.declaration.workloads import Resources
from infra.gateway.access import ACCESS
from infra.gateway.certificates import TLS, Certificates
from infra.gateway.configuration import CERTIFICATES, controller_config
from infra.gateway.definitions import GatewayDefinitions
from infra.images import BuiltImage
from infra.networking.gateway import COMPONENT, CONTROLLER, HEALTH_PORT, XDS_PORT
from infra.tenancy import Workspace
from infra.workloads.api_access import api_account, token_mount
from infra.workloads.deployment import DeploymentFactory, probe
from infra.workloads.pod import Container, Mount, config_mount, pod_template, secret_mount

_FOLDER, _FILE = "/etc/envoy-gateway", "envoy-gateway.yaml"
_CACHE = "/var/lib/eg"


@dataclass(frozen=True)
class ControllerArgs:
    platform: str
    image: BuiltImage
    workspace: Workspace
    routed: Mapping[str, pulumi.Resource]
    """Namespaces with routes, each with what creates it."""
    certificates: Certificates
    definitions: GatewayDefinitions


def controller(args: ControllerArgs, parent: pulumi.Resource) -> Sequence[pulumi.Resource]:
    """Its resources, the last of which is its Deployment."""
    server = DeploymentFactory(CONTROLLER, COMPONENT, args.workspace, parent)
    namespaces = [args.workspace.namespace, *args.routed]
    settings = controller_config(args.platform, namespaces)
    config = server.config({_FILE: json.dumps(settings)})
    secrets = [_certificate(server, args), _cookie_key(server, args)]
    account = api_account(server, ACCESS, {args.workspace.namespace: args.workspace, **args.routed})
    container = Container(
        name=CONTROLLER,
        image=args.image.reference,
        resources=Resources(cpu="50m", memory="256Mi"),
        args=["server", f"--config-path={_FOLDER}/{_FILE}"],
        env={"ENVOY_GATEWAY_NAMESPACE": args.workspace.namespace},
        ports={"xds": XDS_PORT, "health": HEALTH_PORT},
        mounts=[
            config_mount("config", CONTROLLER, _FOLDER),
            secret_mount("certificates", CONTROLLER, CERTIFICATES),
            Mount(VolumeArgs(name="cache", empty_dir=EmptyDirVolumeSourceArgs(size_limit="64Mi")), _CACHE),
            token_mount(),
        ],
        startup_probe=probe("/readyz", port="health", period=1, failures=120),
        readiness_probe=probe("/readyz", port="health", period=5, failures=3),
        liveness_probe=probe("/healthz", port="health", period=20, failures=3),
    )
    # It reads its configuration when it starts; certificates whenever they change.
    template = pod_template(
        container,
        args.workspace,
        account=CONTROLLER,
        labels=server.labels,
        annotations={f"{DOMAIN}/configuration": fingerprint(settings)},
    )
    service = _service(server, parent)
    # One at a time: it elects no leader, and proxies go on without it.
    deployment = server.deployment(template, [args.definitions, config, *secrets, service, *account], recreate=True)
    return [*account, config, *secrets, service, deployment]


def _certificate(server: DeploymentFactory, args: ControllerArgs) -> pulumi.Resource:
    return kubernetes.core.v1.Secret(
        CONTROLLER,
        metadata=server.metadata,
        type=TLS,
        string_data=args.certificates.of_controller(args.workspace.namespace),
        opts=pulumi.ResourceOptions(parent=server.parent, depends_on=[args.workspace]),
    )


def _cookie_key(server: DeploymentFactory, args: ControllerArgs) -> pulumi.Resource:
    """It has to be there, under this name."""
    name = "envoy-oidc-hmac"
    return kubernetes.core.v1.Secret(
        name,
        metadata=ObjectMetaArgs(name=name, namespace=args.workspace.namespace, labels=server.labels),
        string_data={"hmac-secret": args.certificates.cookie_key()},
        opts=pulumi.ResourceOptions(parent=server.parent, depends_on=[args.workspace]),
    )


def _service(server: DeploymentFactory, parent: pulumi.Resource) -> pulumi.Resource:
    metadata: ObjectMetaArgs = server.metadata
    metadata.annotations = {"pulumi.com/skipAwait": "true"}
    return kubernetes.core.v1.Service(
        CONTROLLER,
        metadata=metadata,
        spec=ServiceSpecArgs(
            selector=server.selector, ports=[ServicePortArgs(name="xds", port=XDS_PORT, target_port="xds")]
        ),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[server.workspace]),
    )
