"""JobSet's controller.

Its webhooks are not registered: nothing of the cluster depends on the controller, and nothing is refused without it.
It reads Jobs and pods of the whole cluster, and changes them in the teams' namespaces only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.catalogue.images import JOBSET
from infra.catalogue.names import PROJECT
from infra.declaration.workloads import Resources
from infra.images import BuiltImage
from infra.job_sets.definition import JobSetDefinition
from infra.tenancy import Workspace
from infra.tenancy.rbac import READ
from infra.tenancy.team_admission import TeamRule, enforce
from infra.workloads.api_access import Access, api_account, token_mount
from infra.workloads.deployment import DeploymentFactory, probe
from infra.workloads.pod import Container, pod_template

_COMPONENT = "controller"
_GROUP = "jobset.x-k8s.io"
_HEALTH_PORT = 8081

ACCESS = Access(
    cluster_wide=[
        ("", ("persistentvolumeclaims", "pods", "services"), READ),
        ("batch", ("jobs",), READ),
        (_GROUP, ("jobsets",), READ),
    ],
    namespaced=[
        ("", ("events",), ("create", "patch")),
        ("", ("services",), ("create", "delete", "patch", "update")),
        ("batch", ("jobs",), ("create", "delete", "patch", "update")),
        ("batch", ("jobs/status",), ("get", "patch", "update")),
        (_GROUP, ("jobsets",), ("patch", "update")),
        (_GROUP, ("jobsets/status",), ("get", "patch", "update")),
        (_GROUP, ("jobsets/finalizers",), ("update",)),
    ],
)

_OWNED = "{job}.metadata.?ownerReferences.orValue([]).exists(owner, owner.apiVersion.startsWith('jobset.x-k8s.io/'))"
_LABELLED = "{job}.metadata.?labels.orValue({{}}).exists(key, key.contains('jobset.sigs.k8s.io/'))"
_ITS_PODS = (
    "[{job}.spec.template.metadata.?labels.orValue({{}}), {job}.spec.template.metadata.?annotations.orValue({{}})]"
    ".exists(each, each.exists(key, key.contains('jobset.sigs.k8s.io/')))"
)
_CLAIMS = f"{_OWNED} || {_LABELLED} || {_ITS_PODS}"
OWN_JOBS = TeamRule(
    name="jobs-of-job-sets",
    variables={
        "claims": _CLAIMS.format(job="object"),
        "claimed": f"request.operation == 'UPDATE' && ({_CLAIMS.format(job='oldObject')})",
    },
    holds="!variables.claims || variables.claimed",
    message="only JobSet's controller makes Jobs of a JobSet; remove its owner reference, labels and annotations",
)
"""The controller believes a Job that says it belongs to a JobSet: it would count for its restarts, or stop it."""


@dataclass(frozen=True)
class JobSetsArgs:
    definition: JobSetDefinition
    image: BuiltImage
    workspace: Workspace
    teams: Mapping[str, Workspace]


class JobSets(pulumi.ComponentResource):
    """`ready` is what must exist before a JobSet, and until it is gone."""

    ready: pulumi.Resource

    def __init__(self, name: str, args: JobSetsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:JobSets", name, None, opts)
        rule = enforce(OWN_JOBS, args.workspace.namespace, pulumi.ResourceOptions(parent=self))
        self.ready = self._controller(args, rule)
        self.register_outputs({})

    def _controller(self, args: JobSetsArgs, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        server = DeploymentFactory(JOBSET, _COMPONENT, args.workspace, self)
        account = api_account(server, ACCESS, {team.namespace: team for team in args.teams.values()})
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
        return server.deployment(template, [args.definition, *account, *after], recreate=True)
