"""A training run: submitted once for each change of what the team declared, never awaited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PodTemplateSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import METRICS_PORT_NAME, PROJECT, SIMULATED_LABEL, fingerprint, labels
from infra.foundation import Placement, Volume
from infra.images import BuiltImage
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import TeamSecret
from infra.workloads.access import Access
from infra.workloads.pod import (
    DISRUPTIONS_ARE_NO_FAILURES,
    GRACE_SECONDS,
    NOT_MOVED,
    Container,
    Mount,
    job_env,
    pod_template,
    secret_mounts,
    tracking_env,
    tracking_mounts,
)
from infra.workloads.queue import KEPT_BY_KUEUE, Queue
from infra.workloads.runtime import Runtime
from infra.workloads.training import checkpoint
from infra.workloads.training.settings import Promotion
from infra.workloads.training.settings import Training as Settings

METRICS_PORT = 8000
"""Port of the job's optional metrics."""

_COMPONENT = "training"


class Job(TypedDict):
    """The latest run of a training job."""

    namespace: str
    job: str
    model: str
    simulated: bool


@dataclass(frozen=True)
class TrainingArgs:
    settings: Settings
    image: BuiltImage
    workspace: Workspace
    access: Access
    secrets: Sequence[TeamSecret]
    placement: Placement | None
    volume: Volume
    queue: Queue | None = None


class Training(pulumi.ComponentResource):
    """`up` submits the Job and does not wait for it. On simulated nodes it succeeds when its pod is scheduled.

    A submitted Job is left alone: a new default of the platform or a patch of the base image reaches the next run.
    """

    namespace: str
    job_name: str
    """Contains a fingerprint of what the team declared: another name is another run."""
    model: str
    simulated: bool

    def __init__(self, name: str, args: TrainingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Training", name, None, opts)
        self._name, self._args = name, args
        self.namespace = args.workspace.namespace
        self.model = args.settings.model
        self.simulated = args.placement is not None and args.placement.simulated
        self.job_name = f"{name}-{fingerprint(run_identity(args.settings, args.image) | args.access.content)}"
        self._job()
        self.register_outputs({"job": self.job_name})

    @property
    def output(self) -> Job:
        """For the stack's outputs."""
        return Job(namespace=self.namespace, job=self.job_name, model=self.model, simulated=self.simulated)

    def _job(self) -> None:
        args, settings = self._args, self._args.settings
        namespace = args.workspace.namespace
        account = args.access.create(self)
        nodes = list(args.placement.ready) if args.placement else []
        saved, claims = self._checkpoint()
        queue = args.queue
        kubernetes.batch.v1.Job(
            # Not the declared name: where changes are ignored, a replacement would get the old template.
            self.job_name,
            metadata=ObjectMetaArgs(
                name=self.job_name,
                namespace=namespace,
                labels={**self._labels(), **(queue.labels(settings.priority) if queue else {})},
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=kubernetes.batch.v1.JobSpecArgs(
                suspend=True if queue else None,
                backoff_limit=settings.retries,
                pod_failure_policy=DISRUPTIONS_ARE_NO_FAILURES,
                template=self._template(saved),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[
                    *account,
                    *nodes,
                    *claims,
                    *(secret.ready for secret in args.secrets),
                    *(queue.ready if queue else ()),
                ],
                ignore_changes=["spec.template", "spec.podFailurePolicy", *KEPT_BY_KUEUE],
            ),
        )

    def _checkpoint(self) -> tuple[list[Mount], list[pulumi.Resource]]:
        """A volume, if one is declared: pods of simulated nodes save nothing."""
        declared = self._args.settings.checkpoint
        if declared is None or self.simulated:
            return [], []
        mount, claim = checkpoint.checkpoint_volume(
            self.job_name,
            self.namespace,
            declared.size,
            self._args.volume,
            pulumi.ResourceOptions(parent=self, depends_on=[self._args.workspace]),
        )
        return [mount], [claim]

    def _labels(self) -> dict[str, str]:
        return labels(self._name, _COMPONENT, **({SIMULATED_LABEL: "true"} if self.simulated else {}))

    def _template(self, saved: Sequence[Mount]) -> PodTemplateSpecArgs:
        args, settings = self._args, self._args.settings
        return pod_template(
            Container(
                name=_COMPONENT,
                image=args.image.reference,
                resources=settings.resources,
                args=settings.args,
                env={
                    **tracking_env(args.workspace),
                    **job_env(settings.resources, settings.gpus),
                    "MLFLOW_EXPERIMENT_NAME": self._name,
                    "MODEL_NAME": settings.model,
                    "METRICS_PORT": str(METRICS_PORT),
                    **({"MODEL_URI": f"models:/{settings.model}@{settings.from_}"} if settings.from_ else {}),
                    **_promotion_env(settings.promotion),
                    **({"CHECKPOINT_DIR": checkpoint.FOLDER} if saved else {}),
                    **args.access.env,
                },
                ports={METRICS_PORT_NAME: METRICS_PORT},
                mounts=[
                    *tracking_mounts(args.workspace),
                    *secret_mounts(args.secrets),
                    *args.access.mounts,
                    *saved,
                ],
                gpus=settings.gpus,
                loads_data=True,
            ),
            args.workspace,
            account=args.access.account,
            labels=self._labels(),
            annotations=NOT_MOVED,
            placement=args.placement,
            restart_policy="Never",
            deadline=settings.timeout,
            grace_seconds=checkpoint.GRACE_SECONDS if saved else GRACE_SECONDS,
        )


def _promotion_env(declared: Promotion | None) -> dict[str, str]:
    if declared is None:
        return {}
    return {
        "PROMOTION_METRIC": declared.metric,
        "PROMOTION_MARGIN": str(declared.margin),
        "PROMOTION_GOAL": declared.goal,
    }


def run_identity(settings: Settings, image: BuiltImage) -> dict[str, object]:
    """What makes two runs the same: settings that are declared, without defaults, which the platform may change.

    Of the image its own folder: a patch of the base image is no reason to train.
    """
    declared = settings.model_dump(
        mode="json", exclude_unset=True, exclude={"team", "timeout", "retries", "checkpoint", "egress", "priority"}
    )
    return {**declared, "image": image.own_content, "secrets": sorted(settings.secrets)}


def create(name: str, settings: Settings, runtime: Runtime, opts: pulumi.ResourceOptions) -> Training:
    """A declared training job."""
    args = TrainingArgs(
        settings=settings,
        image=runtime.image(settings),
        workspace=runtime.workspace(settings),
        access=runtime.access(_COMPONENT, name, settings),
        secrets=runtime.mounted(settings),
        placement=runtime.placement(settings.pool),
        volume=runtime.volume,
        queue=runtime.queue(settings),
    )
    return Training(name, args, opts)
