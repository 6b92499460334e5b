"""A smoke test for the GPUs of a pool: a suspended CronJob, from which `make gpu-check` starts a Job on each node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.batch.v1 import CronJobSpecArgs, JobSpecArgs, JobTemplateSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import GPU_CHECK, NEVER, POOL_LABEL, PROJECT, labels
from infra.declaration.workloads import Resources
from infra.foundation import Placement, WorkloadIdentity
from infra.foundation.contract import nothing_to_bind
from infra.images import BuiltImage
from infra.networking.network_policies import gpu_check_policies, network_policies
from infra.tenancy import Workspace
from infra.workloads.pod import DISRUPTIONS_ARE_NO_FAILURES, Container, pod_template, service_account

_DEADLINE = 900
"""Seconds of a pod, of which most are for an image of several GiB."""
_SECONDS_FOR_A_NODE = 900
"""For which a Job may wait before: an autoscaler adds a node."""
_GRACE = 5
"""Seconds: there is nothing to save, and the next check waits until the GPUs are free."""
_KEPT = 30 * 24 * 3600
"""Seconds for which status shows a result."""


@dataclass(frozen=True)
class GpuCheck:
    """`image` has the module `gpu_check` of images/torch; `gpus` are those of one node."""

    placement: Placement
    image: BuiltImage
    gpus: int


@dataclass(frozen=True)
class GpuChecksArgs:
    """`checks` are by pool."""

    workspace: Workspace
    checks: Mapping[str, GpuCheck]


class GpuChecks(pulumi.ComponentResource):
    """One CronJob a pool. Its pods run with a workload's rights, and preempt nobody."""

    cron_jobs: Mapping[str, str]
    """Their names by pool."""

    def __init__(self, name: str, args: GpuChecksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:GpuChecks", name, None, opts)
        self._workspace = args.workspace
        identity = WorkloadIdentity(GPU_CHECK, args.workspace.namespace, GPU_CHECK)
        self._account = service_account(GPU_CHECK, args.workspace, identity, nothing_to_bind, self)
        inside = pulumi.ResourceOptions(parent=self, depends_on=[args.workspace])
        self._policies = network_policies(args.workspace.namespace, gpu_check_policies(), inside)
        self.cron_jobs = {pool: self._cron_job(pool, check) for pool, check in args.checks.items()}
        self.register_outputs({"cronJobs": dict(self.cron_jobs)})

    def _cron_job(self, pool: str, check: GpuCheck) -> str:
        name = f"{GPU_CHECK}-{pool}"
        own = labels(name, GPU_CHECK, **{POOL_LABEL: pool})
        template = pod_template(
            Container(
                name=GPU_CHECK,
                image=check.image.reference,
                resources=_resources(check.gpus),
                command=["python", "-m", "gpu_check"],
                args=[str(check.gpus)],
                gpus=check.gpus,
            ),
            self._workspace,
            account=GPU_CHECK,
            labels=own,
            placement=check.placement,
            restart_policy="Never",
            deadline=_DEADLINE,
            grace_seconds=_GRACE,
            purpose="training",
        )
        job = JobSpecArgs(
            active_deadline_seconds=_SECONDS_FOR_A_NODE + _DEADLINE,
            backoff_limit=0,
            pod_failure_policy=DISRUPTIONS_ARE_NO_FAILURES,
            ttl_seconds_after_finished=_KEPT,
            template=template,
        )
        kubernetes.batch.v1.CronJob(
            name,
            metadata=ObjectMetaArgs(name=name, namespace=self._workspace.namespace, labels=own),
            spec=CronJobSpecArgs(
                schedule=NEVER,
                suspend=True,
                job_template=JobTemplateSpecArgs(metadata=ObjectMetaArgs(labels=own), spec=job),
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[*self._account, *self._policies, *check.placement.ready]
            ),
        )
        return name


def _resources(gpus: int) -> Resources:
    """Little, to fit beside others: the framework, and a CUDA context of some hundred MiB for each GPU."""
    return Resources(cpu="100m", memory=f"{1536 + 512 * gpus}Mi")
