"""The state of a training run, in a few words: of its Job, or of the JobSet of several workers."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from kubernetes import client

from cli.jobs import has_ended, read
from cli.queues import waiting

MISSING = "missing"


def of_job(api: client.ApiClient, found: Any) -> str:
    """`found` is None if there is none."""
    if found is None:
        return MISSING
    if found.spec.suspend and not has_ended(found.status):
        return waiting(api, found.metadata.namespace, found.metadata.uid)
    return of_status(found.status)


def of_status(status: Any) -> str:
    """Of a Job that is not suspended."""
    if status.completion_time:
        seconds = (status.completion_time - status.start_time).total_seconds()
        return f"succeeded in {seconds:.0f} s"
    if any(condition.type == "Failed" and condition.status == "True" for condition in status.conditions or []):
        return "failed"
    # Its pods may have succeeded a moment before it is complete.
    if status.succeeded or (status.active and status.ready):
        return "running"
    return "retrying" if status.failed else "pending"


def of_job_set(api: client.ApiClient, output: Mapping[str, Any], first: Any) -> str:
    """`first` is the first worker's Job, which is another one after each restart."""
    found = _job_set(api, output)
    if found is None:
        return MISSING
    status = found.get("status", {})
    ended = {each["type"]: each for each in status.get("conditions", []) if each["status"] == "True"}
    if "Completed" in ended:
        began, end = found["metadata"]["creationTimestamp"], ended["Completed"]["lastTransitionTime"]
        return f"succeeded in {(datetime.fromisoformat(end) - datetime.fromisoformat(began)).total_seconds():.0f} s"
    if "Failed" in ended:
        return "failed"
    if found["spec"].get("suspend"):
        return waiting(api, output["namespace"], found["metadata"]["uid"])
    if first is not None and of_job(api, first) == "running":
        return "running"
    return "retrying" if status.get("restarts") else "pending"


def uid(api: client.ApiClient, output: Mapping[str, Any]) -> str | None:
    """Of a run's Job, or of its JobSet; None if there is none."""
    if output.get("job_set"):
        job_set = _job_set(api, output)
        return str(job_set["metadata"]["uid"]) if job_set else None
    found = read(client.BatchV1Api(api).read_namespaced_job, output["job"], output["namespace"])
    return str(found.metadata.uid) if found else None


def _job_set(api: client.ApiClient, output: Mapping[str, Any]) -> Any:
    get = partial(client.CustomObjectsApi(api).get_namespaced_custom_object, "jobset.x-k8s.io", "v1alpha2")
    return read(lambda name, namespace: get(namespace, "jobsets", name), output["job_set"], output["namespace"])
