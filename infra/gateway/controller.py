"""Envoy Gateway: it turns routes into the configuration of the proxies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import EmptyDirVolumeSourceArgs, VolumeArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import DOMAIN, fingerprint
from infra.declaration.workloads import Resources
from infra.gateway.access import ACCESS
from infra.gateway.certificates import Certificates, tls_secret
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
    pages: bool
    """Whether there are routes to pages of the platform."""
    certificates: Certificates
    definitions: GatewayDefinitions


def controller(args: ControllerArgs, parent: pulumi.Resource) -> pulumi.Resource:
    """Its Deployment, which comes after everything that it needs, the definitions included."""
    server = DeploymentFactory(CONTROLLER, COMPONENT, args.workspace, parent)
    settings = controller_config(args.platform, [args.workspace.namespace, *args.routed], pages=args.pages)
    inside = pulumi.ResourceOptions(parent=parent, depends_on=[args.workspace])
    files = args.certificates.of_controller(args.workspace.namespace)
    needed = [
        args.definitions,
        server.config({_FILE: json.dumps(settings)}),
        tls_secret(CONTROLLER, server.metadata, files, inside),
        _cookie_key(server, args, inside),
        server.service(XDS_PORT, target="xds"),
        *api_account(server, ACCESS, {args.workspace.namespace: args.workspace, **args.routed}),
    ]
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
    # One at a time: it elects no leader, and proxies go on without it.
    return server.deployment(template, needed, recreate=True)


def _cookie_key(server: DeploymentFactory, args: ControllerArgs, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    """It has to be there, under this name."""
    name = "envoy-oidc-hmac"
    return kubernetes.core.v1.Secret(
        name,
        metadata=ObjectMetaArgs(name=name, namespace=args.workspace.namespace, labels=server.labels),
        string_data={"hmac-secret": args.certificates.cookie_key()},
        opts=opts,
    )
