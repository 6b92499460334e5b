"""Several pods that train one model: a JobSet, of which all pods restart together.

Worker 0 has a Job of its own, since only it mounts the checkpoint: a volume is attached to one node. An eviction fails
the Job for the reason `PodFailurePolicy`, which uses up no restart; whatever else ends a pod does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.batch.v1 import (
    JobSpecArgs,
    PodFailurePolicyArgs,
    PodFailurePolicyOnPodConditionsPatternArgs,
    PodFailurePolicyRuleArgs,
)
from pulumi_kubernetes.core.v1 import PodTemplateSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.workloads.training.settings import LEADER, WORKER

_MASTER_PORT = 29500
"""The default of torchrun."""
_A_DAY = 24 * 3600
"""Seconds that a worker waits for the first one, instead of ten minutes: its node may have to be started."""
_TO_END = 5
"""Seconds that torchrun itself has after its processes."""
_RANK_LABEL = "jobset.sigs.k8s.io/job-global-index"
_DISRUPTIONS_FAIL_THE_JOB = PodFailurePolicyArgs(
    rules=[
        PodFailurePolicyRuleArgs(
            action="FailJob",
            on_pod_conditions=[PodFailurePolicyOnPodConditionsPatternArgs(type="DisruptionTarget", status="True")],
        )
    ]
)
_DISRUPTIONS_ARE_NO_FAILURES = {
    "name": "disruptions",
    "action": "RestartJobSetAndIgnoreMaxRestarts",
    "onJobFailureReasons": ["PodFailurePolicy"],
}


@dataclass(frozen=True)
class Gang:
    """`template` makes that of worker 0, or that of the others."""

    name: str
    namespace: str
    workers: int
    retries: int
    suspend: bool
    """Whether it is created so: its queue starts it."""
    labels: Mapping[str, str]
    own_labels: Mapping[str, str]
    """Of the JobSet, among them those of its queue."""
    template: Callable[[bool], PodTemplateSpecArgs]


def rendezvous_env(
    name: str, namespace: str, workers: int, gpus: int, grace_seconds: int
) -> dict[str, pulumi.Input[str]]:
    """What torchrun reads by itself besides the rank. Worker 0 has a DNS name before it is ready.

    After SIGTERM torchrun gives its processes as long as the pod has.
    """
    return {
        "PET_NNODES": str(workers),
        "PET_NPROC_PER_NODE": str(max(1, gpus)),
        "PET_MASTER_ADDR": f"{leader_job(name)}-0.{name}.{namespace}.svc",
        "PET_MASTER_PORT": str(_MASTER_PORT),
        "PET_RDZV_CONF": f"timeout={_A_DAY}",
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(grace_seconds - _TO_END),
    }


RANK_ENV = {"PET_NODE_RANK": _RANK_LABEL}
"""From a label of the pod."""


def leader_job(name: str) -> str:
    """The name of worker 0's Job."""
    return f"{name}-{LEADER}-0"


def job_set(gang: Gang, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    """The API server checks it by its schema only, so it declares what JobSet's webhook would fill in."""
    return kubernetes.apiextensions.CustomResource(
        gang.name,
        api_version="jobset.x-k8s.io/v1alpha2",
        kind="JobSet",
        metadata=ObjectMetaArgs(
            name=gang.name,
            namespace=gang.namespace,
            labels=gang.own_labels,
            annotations={"pulumi.com/skipAwait": "true"},
        ),
        spec={
            **({"suspend": True} if gang.suspend else {}),
            "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True, "subdomain": gang.name},
            "successPolicy": {"operator": "All"},
            "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
            "failurePolicy": {
                "maxRestarts": gang.retries,
                "restartStrategy": "BlockingRecreate",
                "rules": [_DISRUPTIONS_ARE_NO_FAILURES],
            },
            "replicatedJobs": [
                _jobs(LEADER, 1, gang, gang.template(True)),
                _jobs(WORKER, gang.workers - 1, gang, gang.template(False)),
            ],
        },
        opts=opts,
    )


def _jobs(name: str, number: int, gang: Gang, template: PodTemplateSpecArgs) -> dict[str, Any]:
    """Jobs of one pod each, so that the index of a Job is the rank of its pod."""
    return {
        "name": name,
        "groupName": "default",
        "replicas": number,
        "template": {
            "metadata": {"labels": dict(gang.labels)},
            "spec": JobSpecArgs(
                parallelism=1,
                completions=1,
                completion_mode="Indexed",
                backoff_limit=0,
                pod_failure_policy=_DISRUPTIONS_FAIL_THE_JOB,
                template=template,
            ),
        },
    }
