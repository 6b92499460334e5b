"""A training run: submitted once for each change of what the team declared, never awaited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import PodTemplateSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.catalogue.names import JOB_LABEL, METRICS_PORT_NAME, PROJECT, SIMULATED_LABEL, fingerprint, labels
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
from infra.workloads.training import checkpoint, gang
from infra.workloads.training.settings import Promotion
from infra.workloads.training.settings import Training as Settings

METRICS_PORT = 8000
"""Port of the job's optional metrics."""

_COMPONENT = "training"
_KEPT = ("spec.template", "spec.podFailurePolicy", "spec.manualSelector", "spec.selector")
"""Of a Job that exists: none of it can be changed."""


class Job(TypedDict):
    """The latest run of a training job."""

    namespace: str
    job: str
    """Of several workers the first one's."""
    model: str
    simulated: bool
    job_set: NotRequired[str]
    """Of several workers."""


@dataclass(frozen=True)
class TrainingArgs:
    settings: Settings
    image: BuiltImage
    workspace: Workspace
    access: Access
    secrets: Sequence[TeamSecret]
    placement: Placement | None
    volume: Volume
    job_sets: Sequence[pulumi.Resource]
    """What must exist before a JobSet."""
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
        self._run()
        self.register_outputs({"job": self.job_name})

    @property
    def output(self) -> Job:
        """For the stack's outputs."""
        run = Job(namespace=self.namespace, job=self.job_name, model=self.model, simulated=self.simulated)
        if self._args.settings.workers > 1:
            return {**run, "job": gang.leader_job(self.job_name), "job_set": self.job_name}
        return run

    def _run(self) -> None:
        args = self._args
        account = args.access.create(self)
        nodes = list(args.placement.ready) if args.placement else []
        saved, claims = self._checkpoint()
        after = [*account, *nodes, *claims, *(secret.ready for secret in args.secrets)]
        after += args.queue.ready if args.queue else ()
        if args.settings.workers > 1:
            self._gang(saved, after)
        else:
            self._job(saved, after)

    # Neither resource has the declared name: where changes are ignored, a replacement would get the old template.

    def _job(self, saved: Sequence[Mount], after: Sequence[pulumi.Resource]) -> None:
        # Of a Job without a selector the API server labels the pods `controller-uid` and `job-name`. The Kubernetes
        # provider ignores no change of such a key: after an update of the Job the next `up` would replace it.
        pods = {JOB_LABEL: self.job_name}
        kubernetes.batch.v1.Job(
            self.job_name,
            metadata=ObjectMetaArgs(
                name=self.job_name,
                namespace=self.namespace,
                labels=self._run_labels(),
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=kubernetes.batch.v1.JobSpecArgs(
                suspend=True if self._args.queue else None,
                manual_selector=True,
                selector=LabelSelectorArgs(match_labels=pods),
                backoff_limit=self._args.settings.retries,
                pod_failure_policy=DISRUPTIONS_ARE_NO_FAILURES,
                template=self._template(saved, more_labels=pods),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(after),
                ignore_changes=[*_KEPT, *KEPT_BY_KUEUE],
            ),
        )

    def _gang(self, saved: Sequence[Mount], after: Sequence[pulumi.Resource]) -> None:
        settings = self._args.settings
        env = gang.rendezvous_env(self.job_name, self.namespace, settings.workers, settings.gpus, self._grace_seconds)

        def template(leads: bool) -> PodTemplateSpecArgs:
            return self._template(saved if leads else [], env, gang.RANK_ENV)

        run = gang.Gang(
            name=self.job_name,
            namespace=self.namespace,
            workers=settings.workers,
            retries=settings.retries,
            suspend=self._args.queue is not None,
            labels=self._labels(),
            own_labels=self._run_labels(),
            template=template,
        )
        opts = pulumi.ResourceOptions(
            parent=self, depends_on=[*after, *self._args.job_sets], ignore_changes=["spec", *KEPT_BY_KUEUE]
        )
        gang.job_set(run, opts)

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

    @property
    def _grace_seconds(self) -> int:
        """Of several workers all take part in a checkpoint, though one saves it."""
        return checkpoint.GRACE_SECONDS if self._args.settings.checkpoint and not self.simulated else GRACE_SECONDS

    def _labels(self) -> dict[str, str]:
        return labels(self._name, _COMPONENT, **({SIMULATED_LABEL: "true"} if self.simulated else {}))

    def _run_labels(self) -> dict[str, str]:
        queue = self._args.queue
        return {**self._labels(), **(queue.labels(self._args.settings.priority) if queue else {})}

    def _template(
        self,
        saved: Sequence[Mount],
        env: Mapping[str, pulumi.Input[str]] | None = None,
        env_from_labels: Mapping[str, str] | None = None,
        more_labels: Mapping[str, str] | None = None,
    ) -> PodTemplateSpecArgs:
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
                    **(env or {}),
                },
                env_from_labels=env_from_labels or {},
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
            labels={**self._labels(), **(more_labels or {})},
            annotations=NOT_MOVED,
            placement=args.placement,
            restart_policy="Never",
            deadline=settings.timeout,
            grace_seconds=self._grace_seconds,
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
        mode="json",
        exclude_unset=True,
        exclude={"team", "timeout", "retries", "checkpoint", "egress", "priority", "idle"},
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
        job_sets=runtime.job_sets,
        queue=runtime.queue(settings),
    )
    return Training(name, args, opts)
