"""The Jobs of checks: one a node, started from the pool's CronJob."""

import copy
import time
from contextlib import suppress
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli.gpu_check.result import Check, annotations
from cli.jobs import has_ended
from cli.nodes import GPU
from infra.catalogue.names import fingerprint

_POLL_SECONDS = 0.5
_SECONDS_TO_DELETE = 60
"""More than the grace period of a check's pod; a process that hangs in the driver can't be killed."""
_CORDONED = client.V1Toleration(key="node.kubernetes.io/unschedulable", operator="Exists", effect="NoSchedule")


class Hangs(Exception):
    """An earlier check of the node can't be deleted."""


def declared_gpus(template: Any) -> int:
    """How many GPUs a node of the pool should have: the argument of its check."""
    return int(template.spec.job_template.spec.template.spec.containers[0].args[0])


def job_for(template: Any, asked: Check, gpus: int | None = None) -> client.V1Job:
    """A check of some GPUs of a node; without a node it runs on any of the pool, with all GPUs that one should have.

    It is deleted with the CronJob, but is not its controller's, which would keep three of them.
    """
    spec = copy.deepcopy(template.spec.job_template.spec)
    pod = spec.template.spec
    if asked.node:
        pod.affinity = _on(asked.node)
        # A node is checked before it is uncordoned. No autoscaler adds another: the affinity is to its name.
        pod.tolerations = [*(pod.tolerations or []), _CORDONED]
    if gpus is not None:
        container = pod.containers[0]
        container.args = [str(gpus)]
        for amounts in (container.resources.requests, container.resources.limits):
            amounts[GPU] = str(gpus)
    owner = client.V1OwnerReference(
        api_version="batch/v1", kind="CronJob", name=template.metadata.name, uid=template.metadata.uid
    )
    metadata = client.V1ObjectMeta(
        name=f"{template.metadata.name}-{fingerprint(asked.node or None)}",
        namespace=template.metadata.namespace,
        labels=template.spec.job_template.metadata.labels,
        annotations=annotations(asked) or None,
        owner_references=[owner],
    )
    return client.V1Job(metadata=metadata, spec=spec)


def _on(node: str) -> client.V1Affinity:
    """By way of the scheduler, which counts GPUs: a kubelet refuses a pod for which none is free."""
    name = client.V1NodeSelectorRequirement(key="metadata.name", operator="In", values=[node])
    terms = client.V1NodeSelector(node_selector_terms=[client.V1NodeSelectorTerm(match_fields=[name])])
    required = client.V1NodeAffinity(required_during_scheduling_ignored_during_execution=terms)
    return client.V1Affinity(node_affinity=required)


def delete_earlier(batch: client.BatchV1Api, name: str, namespace: str) -> None:
    """Delete a Job and wait until it is gone: its successor has the same name."""
    deadline = time.monotonic() + _SECONDS_TO_DELETE
    while True:
        try:
            batch.delete_namespaced_job(name, namespace, propagation_policy="Foreground")
        except ApiException as error:
            if error.status == 404:
                return
            raise
        if time.monotonic() > deadline:
            raise Hangs(f"an earlier check hangs: job {name} can't be deleted; reboot the node")
        time.sleep(_POLL_SECONDS)


def delete_unfinished(batch: client.BatchV1Api, name: str, namespace: str) -> None:
    """Best effort, after an error or an interrupt; otherwise the Job's own deadline ends it."""
    with suppress(ApiException, HTTPError):
        if not has_ended(batch.read_namespaced_job(name, namespace).status):
            delete(batch, name, namespace)


def delete(batch: client.BatchV1Api, name: str, namespace: str) -> None:
    """Delete a Job and its pods, without waiting for it."""
    batch.delete_namespaced_job(name, namespace, propagation_policy="Background")
