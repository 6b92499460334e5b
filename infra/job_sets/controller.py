"""JobSet's controller and its CustomResourceDefinition.

Its webhooks are not registered: nothing of the cluster depends on the controller, and nothing is refused without it.
It reads Jobs and pods of the whole cluster, and changes them in the teams' namespaces only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.images import JOBSET
from infra.catalogue.names import PROJECT
from infra.declaration.workloads import Resources
from infra.images import BuiltImage
from infra.tenancy import Workspace
from infra.workloads.api_access import Access, Owner, api_account, token_mount
from infra.workloads.deployment import DeploymentFactory, probe
from infra.workloads.pod import Container, pod_template

CRD = Path(__file__).with_name("crd.json")
"""config/components/crd/bases of the module sigs.k8s.io/jobset, without descriptions, which are 9 parts of 10."""
_COMPONENT = "controller"
_GROUP = "jobset.x-k8s.io"
_READ = ("get", "list", "watch")
_HEALTH_PORT = 8081

ACCESS = Access(
    cluster_wide=[
        ("", ("persistentvolumeclaims", "pods", "services"), _READ),
        ("batch", ("jobs",), _READ),
        (_GROUP, ("jobsets",), _READ),
    ],
    namespaced=[
        ("", ("events",), ("create", "patch")),
        ("", ("pods",), ("delete", "patch", "update")),
        ("", ("services",), ("create", "delete", "patch", "update")),
        ("batch", ("jobs",), ("create", "delete", "patch", "update")),
        ("batch", ("jobs/status",), ("get", "patch", "update")),
        (_GROUP, ("jobsets",), ("patch", "update")),
        (_GROUP, ("jobsets/status",), ("get", "patch", "update")),
        (_GROUP, ("jobsets/finalizers",), ("update",)),
    ],
)


@dataclass(frozen=True)
class JobSetsArgs:
    image: BuiltImage
    workspace: Workspace
    teams: Mapping[str, Workspace]


class JobSets(pulumi.ComponentResource):
    """`ready` is what must exist before a JobSet, and until it is gone."""

    ready: pulumi.Resource

    def __init__(self, name: str, args: JobSetsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:JobSets", name, None, opts)
        self._definition = self._custom_resource_definition()
        self.ready = self._controller(args)
        self.register_outputs({})

    def _custom_resource_definition(self) -> pulumi.Resource:
        """It stays: another stack of the cluster may have JobSets, which would be deleted with it."""
        manifest: dict[str, Any] = json.loads(CRD.read_text())
        return kubernetes.apiextensions.CustomResource(
            manifest["metadata"]["name"],
            api_version=manifest["apiVersion"],
            kind=manifest["kind"],
            metadata=ObjectMetaArgs(name=manifest["metadata"]["name"]),
            spec=manifest["spec"],
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )

    def _controller(self, args: JobSetsArgs) -> pulumi.Resource:
        server = DeploymentFactory(JOBSET, _COMPONENT, args.workspace, self)
        owner = Owner(JOBSET, _COMPONENT, args.workspace, self)
        account = api_account(owner, ACCESS, {team.namespace: team for team in args.teams.values()})
        container = Container(
            name=JOBSET,
            image=args.image.reference,
            resources=Resources(cpu="25m", memory="128Mi"),
            ports={"health": _HEALTH_PORT},
            mounts=[token_mount()],
            startup_probe=probe("/readyz", port="health", period=1, failures=60),
            readiness_probe=probe("/readyz", port="health", period=10, failures=3),
            liveness_probe=probe("/healthz", port="health", period=10, failures=6),
        )
        template = pod_template(container, args.workspace, account=JOBSET, labels=server.labels)
        # One at a time: it elects no leader.
        return server.deployment(template, [self._definition, *account], recreate=True)
