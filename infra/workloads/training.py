"""A training job: runs once for each change of its pod template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PodTemplateSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import METRICS_PORT_NAME, PROJECT, SIMULATED_LABEL, fingerprint, labels
from infra.declaration.workloads import Training as Settings
from infra.foundation import IdentityBinder, Placement, WorkloadIdentity
from infra.images import BuiltImage
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import TeamSecret
from infra.workloads.pod import (
    Container,
    pod_template,
    secret_mounts,
    service_account,
    team_prefix,
    tracking_env,
    tracking_mounts,
)

METRICS_PORT = 8000
"""Port of the job's optional metrics."""

_COMPONENT = "training"


@dataclass(frozen=True)
class TrainingArgs:
    settings: Settings
    image: BuiltImage
    workspace: Workspace
    bind_identity: IdentityBinder
    secrets: Sequence[TeamSecret]
    placement: Placement | None


class Training(pulumi.ComponentResource):
    """Succeeds when the model is registered; on simulated nodes, when its pod is scheduled."""

    namespace: str
    job_name: str
    """Contains a fingerprint of the pod template, so that a changed job is a new one beside the old."""
    model: str
    simulated: bool

    def __init__(self, name: str, args: TrainingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Training", name, None, opts)
        self._name, self._args = name, args
        self._account = f"{_COMPONENT}-{name}"
        self.namespace = args.workspace.namespace
        self.model = args.settings.model
        self.simulated = args.placement is not None and args.placement.simulated
        self.job_name = f"{name}-{fingerprint(self._template(args.image.content))}"
        self._job()
        self.register_outputs({"job": self.job_name})

    def _job(self) -> None:
        args, settings = self._args, self._args.settings
        namespace = args.workspace.namespace
        identity = WorkloadIdentity(self._name, namespace, self._account, writes=(team_prefix(args.workspace),))
        account = service_account(self._account, args.workspace, identity, args.bind_identity, self)
        nodes = list(args.placement.ready) if args.placement else []
        wait = f"{settings.timeout}s"
        kubernetes.batch.v1.Job(
            self._name,
            metadata=ObjectMetaArgs(
                name=self.job_name,
                namespace=namespace,
                labels=self._labels(),
                # The next `up` creates a failed job again.
                annotations={"pulumi.com/replaceUnready": "true"},
            ),
            spec=kubernetes.batch.v1.JobSpecArgs(
                backoff_limit=settings.retries,
                active_deadline_seconds=settings.timeout,
                template=self._template(args.image.reference),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*account, *nodes, *(secret.ready for secret in args.secrets)],
                custom_timeouts=pulumi.CustomTimeouts(create=wait, update=wait),
            ),
        )

    def _labels(self) -> dict[str, str]:
        return labels(self._name, _COMPONENT, **({SIMULATED_LABEL: "true"} if self.simulated else {}))

    def _template(self, image: pulumi.Input[str]) -> PodTemplateSpecArgs:
        args, settings = self._args, self._args.settings
        return pod_template(
            Container(
                name=_COMPONENT,
                image=image,
                resources=settings.resources,
                args=settings.args,
                env={
                    **tracking_env(args.workspace),
                    "MLFLOW_EXPERIMENT_NAME": self._name,
                    "MODEL_NAME": settings.model,
                    "METRICS_PORT": str(METRICS_PORT),
                },
                ports={METRICS_PORT_NAME: METRICS_PORT},
                mounts=[*tracking_mounts(args.workspace), *secret_mounts(args.secrets)],
                gpus=settings.gpus,
            ),
            args.workspace,
            account=self._account,
            labels=self._labels(),
            placement=args.placement,
            restart_policy="Never",
        )
