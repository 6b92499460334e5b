"""A batch job: a CronJob, which `make run` also starts by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.batch.v1 import CronJobSpecArgs, JobSpecArgs, JobTemplateSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import NEVER, PROJECT, SIMULATED_LABEL, labels
from infra.foundation import Placement
from infra.images import BuiltImage
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import TeamSecret
from infra.workloads.access import Access
from infra.workloads.batch.settings import Batch as Settings
from infra.workloads.pod import (
    DISRUPTIONS_ARE_NO_FAILURES,
    NOT_MOVED,
    Container,
    job_env,
    pod_template,
    secret_mounts,
    tracking_env,
    tracking_mounts,
)
from infra.workloads.queue import Queue
from infra.workloads.runtime import Runtime

_COMPONENT = "batch"


class CronJob(TypedDict):
    """A batch job; `schedule` is None if it runs on demand only."""

    namespace: str
    cron_job: str
    schedule: str | None
    simulated: bool


@dataclass(frozen=True)
class BatchArgs:
    settings: Settings
    image: BuiltImage
    workspace: Workspace
    access: Access
    secrets: Sequence[TeamSecret]
    placement: Placement | None
    queue: Queue | None = None


class Batch(pulumi.ComponentResource):
    """A CronJob with the declared name. Changes reach its next run."""

    output: CronJob

    def __init__(self, name: str, args: BatchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Batch", name, None, opts)
        self._name, self._args = name, args
        self._simulated = args.placement is not None and args.placement.simulated
        self._cron_job()
        self.output = CronJob(
            namespace=args.workspace.namespace,
            cron_job=name,
            schedule=args.settings.schedule,
            simulated=self._simulated,
        )
        self.register_outputs({"cronJob": name})

    def _cron_job(self) -> None:
        args, settings = self._args, self._args.settings
        namespace = args.workspace.namespace
        account = args.access.create(self)
        nodes = list(args.placement.ready) if args.placement else []
        queue = args.queue
        kubernetes.batch.v1.CronJob(
            self._name,
            metadata=ObjectMetaArgs(name=self._name, namespace=namespace, labels=self._labels()),
            spec=CronJobSpecArgs(
                schedule=settings.schedule or NEVER,
                suspend=settings.schedule is None,
                time_zone=settings.time_zone,
                concurrency_policy=settings.concurrency_policy,
                starting_deadline_seconds=settings.starting_deadline,
                successful_jobs_history_limit=settings.successful_jobs_history_limit,
                failed_jobs_history_limit=settings.failed_jobs_history_limit,
                job_template=JobTemplateSpecArgs(
                    metadata=ObjectMetaArgs(
                        labels={**self._labels(), **(queue.labels(settings.priority) if queue else {})}
                    ),
                    spec=JobSpecArgs(
                        suspend=True if queue else None,
                        backoff_limit=settings.retries,
                        pod_failure_policy=DISRUPTIONS_ARE_NO_FAILURES,
                        template=pod_template(
                            self._container(),
                            args.workspace,
                            account=args.access.account,
                            labels=self._labels(),
                            annotations=NOT_MOVED,
                            placement=args.placement,
                            restart_policy="Never",
                            deadline=settings.timeout,
                        ),
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[
                    *account,
                    *nodes,
                    *(secret.ready for secret in args.secrets),
                    *(queue.ready if queue else ()),
                ],
            ),
        )

    def _labels(self) -> dict[str, str]:
        return labels(self._name, _COMPONENT, **({SIMULATED_LABEL: "true"} if self._simulated else {}))

    def _container(self) -> Container:
        args, settings = self._args, self._args.settings
        model = (
            {"MODEL_NAME": settings.model, "MODEL_URI": f"models:/{settings.model}@champion"} if settings.model else {}
        )
        return Container(
            name=_COMPONENT,
            image=args.image.reference,
            resources=settings.resources,
            args=settings.args,
            env={
                **tracking_env(args.workspace),
                **job_env(settings.resources, settings.gpus),
                "MLFLOW_EXPERIMENT_NAME": self._name,
                **model,
                **args.access.env,
            },
            mounts=[*tracking_mounts(args.workspace), *secret_mounts(args.secrets), *args.access.mounts],
            gpus=settings.gpus,
            loads_data=True,
        )


def create(name: str, settings: Settings, runtime: Runtime, opts: pulumi.ResourceOptions) -> Batch:
    """A declared batch job."""
    args = BatchArgs(
        settings=settings,
        image=runtime.image(settings),
        workspace=runtime.workspace(settings),
        access=runtime.access(_COMPONENT, name, settings),
        secrets=runtime.mounted(settings),
        placement=runtime.placement(settings.pool),
        queue=runtime.queue(settings),
    )
    return Batch(name, args, opts)
