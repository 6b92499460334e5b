"""Waits until Deployments run what an update has declared, as `kubectl rollout status` does.

The Kubernetes provider waits too, but compares no generations: it may take the status from before an update for the
one after it, and report a rollout that has not begun as complete.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli.objects import Object, Objects, condition
from common.errors import CommandError

_DEPLOYMENT = "kubernetes:apps/v1:Deployment"
_ROLLED_OUT = ("create", "update", "create-replacement")
_PAUSE = 0.5
_BEYOND = 60
"""Seconds after a rollout's own deadline: nothing watches it then."""


def changed(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """`namespace/name` of the Deployments that an update has created or changed, from the engine's events."""
    done = (event["resOutputsEvent"]["metadata"] for event in events if "resOutputsEvent" in event)
    steps = [step for step in done if step["type"] == _DEPLOYMENT and step["op"] in _ROLLED_OUT]
    return sorted({step["new"]["id"] for step in steps})


def require_complete(api: client.ApiClient, deployments: Iterable[str]) -> None:
    """Wait for each; the first one that does not complete within its deadline is an error. One that was deleted
    meanwhile, or that the login may not read, is passed over."""
    objects = Objects(api)
    try:
        for deployment in deployments:
            _require(objects, deployment)
    except (ApiException, HTTPError) as error:
        why = str(getattr(error, "reason", None) or error)
        hint = "everything is deployed; run `make up` again to see whether its pods are ready"
        raise CommandError("the cluster does not say how rollouts go on", why, hint=hint) from None


def _require(objects: Objects, deployment: str) -> None:
    namespace, _, name = deployment.partition("/")
    path, began = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}", time.monotonic()
    while (found := objects.get(path)) and not is_complete(found):
        late = time.monotonic() - began > int(found["spec"].get("progressDeadlineSeconds", 600)) + _BEYOND
        if late or has_failed(found):
            why = str(condition(found, "Progressing").get("message") or "its controller reports nothing")
            kubectl = f"kubectl -n {namespace}"
            hint = f"see `{kubectl} describe pods` and `{kubectl} logs deployment/{name}`, then run `make up` again"
            raise CommandError(f"Deployment {deployment} is not rolled out", why, hint=hint)
        time.sleep(_PAUSE)


def is_complete(found: Object) -> bool:
    """Whether all pods are of the last template, and available."""
    status, wanted = found.get("status", {}), found["spec"].get("replicas", 1)
    updated, all_, available = (status.get(key, 0) for key in ("updatedReplicas", "replicas", "availableReplicas"))
    return _is_current(found) and updated >= wanted and all_ <= updated <= available


def has_failed(found: Object) -> bool:
    """Whether its deadline is over."""
    return _is_current(found) and condition(found, "Progressing").get("reason") == "ProgressDeadlineExceeded"


def _is_current(found: Object) -> bool:
    """Whether the status is of the last specification."""
    return bool(found.get("status", {}).get("observedGeneration", 0) >= found["metadata"]["generation"])
