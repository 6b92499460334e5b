"""Scales endpoints by their requests and latency, which it reads at the proxies: without metrics of the cluster, in its
namespaced part alone, and from zero within a second.

KEDA does so too, with two programs of 240 MB each, rights to the whole cluster, and a poll of Prometheus between a
request and a pod.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.catalogue.names import DOMAIN, PROJECT, fingerprint
from infra.declaration.workloads import Resources
from infra.images import BuiltImage
from infra.networking.gateway import AUTOSCALER, AUTOSCALER_COMPONENT, METRICS_PORT, PROXY_METRICS
from infra.tenancy import Workspace
from infra.tenancy.team_admission import TeamRule, account_of, enforce
from infra.workloads.api_access import Access, api_account, token_mount
from infra.workloads.deployment import DeploymentFactory
from infra.workloads.pod import Container, config_mount, pod_template
from infra.workloads.serving.settings import Serving

_FOLDER, _FILE = "/etc/autoscaler", "endpoints.json"
_ACCESS = Access(namespaced=[("apps", ("deployments",), ("get",)), ("apps", ("deployments/scale",), ("patch",))])


@dataclass(frozen=True)
class AutoscalerArgs:
    image: BuiltImage
    workspace: Workspace
    """The platform's own."""
    proxies: str
    """The namespace of the gateway."""
    teams: Mapping[str, Workspace]
    endpoints: Mapping[str, Serving]
    """Those whose number of pods is a range."""


class Autoscaler(pulumi.ComponentResource):
    """A Deployment. While it is down, endpoints keep the pods that they have."""

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Autoscaler", name, None, opts)
        server = DeploymentFactory(AUTOSCALER, AUTOSCALER_COMPONENT, args.workspace, self)
        scaled = {endpoint.team: args.teams[endpoint.team] for endpoint in args.endpoints.values()}
        bounds = json.dumps([_bounds(name, endpoint) for name, endpoint in sorted(args.endpoints.items())])
        rule = only_scales(args.workspace.namespace, args.endpoints)
        needed = [
            server.config({_FILE: bounds}),
            *api_account(server, _ACCESS, scaled),
            *enforce(rule, args.workspace.namespace, pulumi.ResourceOptions(parent=self)),
        ]
        container = Container(
            name=AUTOSCALER,
            image=args.image.reference,
            resources=Resources(cpu="20m", memory="64Mi"),
            args=["autoscaler"],
            env={
                "ENDPOINTS_FILE": f"{_FOLDER}/{_FILE}",
                "PROXIES": f"{PROXY_METRICS}.{args.proxies}.svc.cluster.local:{METRICS_PORT}",
            },
            mounts=[config_mount("config", AUTOSCALER, _FOLDER), token_mount()],
        )
        # It reads its file when it starts.
        changed = {f"{DOMAIN}/configuration": fingerprint(bounds)}
        template = pod_template(
            container, args.workspace, account=AUTOSCALER, labels=server.labels, annotations=changed
        )
        server.deployment(template, needed, recreate=True)
        self.register_outputs({})


def only_scales(platform: str, endpoints: Mapping[str, Serving]) -> TeamRule:
    """RBAC can't restrict it to some Deployments of a namespace, which has others, and to a number."""
    most = {f"{endpoint.team}/{name}": endpoint.replicas.max for name, endpoint in sorted(endpoints.items())}
    return TeamRule(
        name="scaled-endpoints",
        resource=("apps", "v1", "deployments/scale"),
        applies=f"request.userInfo.username == '{account_of(AUTOSCALER, platform)}'",
        variables={"most": json.dumps(most), "name": "request.namespace + '/' + request.name"},
        # The API server leaves out a number that is 0.
        holds="variables.name in variables.most && object.spec.?replicas.orValue(0) <= variables.most[variables.name]",
        message=f"{AUTOSCALER} only scales endpoints whose number of pods is a range",
    )


def _bounds(name: str, endpoint: Serving) -> Mapping[str, Any]:
    replicas = endpoint.replicas
    return {
        "namespace": endpoint.team,
        "name": name,
        "min": replicas.min,
        "max": replicas.max,
        "requestsInFlight": endpoint.in_flight_per_pod,
        "scaleDownAfter": replicas.scale_down_after,
        "latency": endpoint.scale_on.latency if endpoint.scale_on else None,
    }
