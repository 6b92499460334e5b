"""Runs the check of each item. One that can't be run does not keep the others from being run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import requests
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli.conformance import checklist
from cli.conformance.accelerators import dra_support, secure_accelerator_access
from cli.conformance.autoscaling import cluster_autoscaling, pod_autoscaling
from cli.conformance.checklist import Item
from cli.conformance.gangs import gang_scheduling
from cli.conformance.inference import ai_inference
from cli.conformance.metrics import accelerator_metrics, ai_service_metrics
from cli.conformance.operators import robust_controller
from cli.conformance.optional import (
    advanced_inference_ingress,
    disaggregated_inference,
    driver_runtime_management,
    gpu_sharing,
    high_performance_networking,
    virtualized_accelerator,
)
from cli.conformance.report import Outcome, Report, Result, now
from cli.conformance.stack import Cluster, Stack
from cli.conformance.tenancy import network_isolation, pod_security, secret_isolation
from common.errors import CommandError

Check = Callable[[Stack, Cluster], Outcome]
_CHECKS: Sequence[Check] = (
    *(dra_support, driver_runtime_management, gpu_sharing, virtualized_accelerator),
    *(ai_inference, advanced_inference_ingress, high_performance_networking, disaggregated_inference),
    *(gang_scheduling, cluster_autoscaling, pod_autoscaling),
    *(accelerator_metrics, ai_service_metrics, secure_accelerator_access, robust_controller),
    *(pod_security, secret_isolation, network_isolation),
)
CHECKS: Mapping[str, Check] = {check.__name__: check for check in _CHECKS}
"""By the id of their item."""


def examine(name: str, stack: Stack, cluster: Cluster, say: Callable[[str], None]) -> Report:
    """All items that there are for the cluster's version of Kubernetes."""
    began, versions = now(), cluster.versions()
    results = []
    for item in checklist.items(minor(versions["kubernetes"])):
        say(item.id)
        results.append(Result(item, outcome(item, stack, cluster)))
    return Report(name, began, versions, results)


def outcome(item: Item, stack: Stack, cluster: Cluster) -> Outcome:
    """Of one item."""
    try:
        return CHECKS[item.id](stack, cluster)
    except CommandError as error:
        return Outcome("error", ": ".join(filter(None, (error.what, error.why))))
    except ApiException as error:
        return Outcome("error", f"the API server answers {error.status}: {error.reason}")
    except (HTTPError, requests.RequestException) as error:
        return Outcome("error", str(error))


def minor(version: str) -> int:
    """36 of `v1.36.1`."""
    return int("".join(each for each in version.split(".")[1] if each.isdigit()))
