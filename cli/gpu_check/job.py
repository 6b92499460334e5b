"""The Jobs of checks: one a node, started from the pool's CronJob."""

import copy
import time
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from cli.gpu_check.result import NODE
from infra.catalogue.names import fingerprint

GPU = "nvidia.com/gpu"
_POLL_SECONDS = 0.5


def start(batch: client.BatchV1Api, template: Any, node: str | None, gpus: int | None = None) -> str:
    """Start a check of some GPUs of a node, which replaces an earlier one of the node; the Job's name.

    Without a node it runs on any of the pool, with as many GPUs as a node has.
    """
    job = job_for(template, node, gpus)
    name, namespace = job.metadata.name, template.metadata.namespace
    _delete(batch, name, namespace)
    batch.create_namespaced_job(namespace, job)
    return str(name)


def job_for(template: Any, node: str | None, gpus: int | None) -> client.V1Job:
    """Deleted with the CronJob, but not its controller's, which would keep three of them."""
    spec = copy.deepcopy(template.spec.job_template.spec)
    pod = spec.template.spec
    if node is not None:
        pod.affinity = _on(node)
    if gpus is not None:
        container = pod.containers[0]
        container.args = [str(gpus)]
        for amounts in (container.resources.requests, container.resources.limits):
            amounts[GPU] = str(gpus)
    owner = client.V1OwnerReference(
        api_version="batch/v1", kind="CronJob", name=template.metadata.name, uid=template.metadata.uid
    )
    metadata = client.V1ObjectMeta(
        name=f"{template.metadata.name}-{fingerprint(node)}",
        labels=template.spec.job_template.metadata.labels,
        annotations={NODE: node} if node else None,
        owner_references=[owner],
    )
    return client.V1Job(metadata=metadata, spec=spec)


def _on(node: str) -> client.V1Affinity:
    """By way of the scheduler, which counts GPUs: a kubelet refuses a pod for which none is free."""
    name = client.V1NodeSelectorRequirement(key="metadata.name", operator="In", values=[node])
    terms = client.V1NodeSelector(node_selector_terms=[client.V1NodeSelectorTerm(match_fields=[name])])
    required = client.V1NodeAffinity(required_during_scheduling_ignored_during_execution=terms)
    return client.V1Affinity(node_affinity=required)


def _delete(batch: client.BatchV1Api, name: str, namespace: str) -> None:
    """Wait until it is gone: its successor has the same name."""
    while True:
        try:
            batch.delete_namespaced_job(name, namespace, propagation_policy="Foreground")
        except ApiException as error:
            if error.status == 404:
                return
            raise
        time.sleep(_POLL_SECONDS)
