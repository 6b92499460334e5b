"""Why a pod that has a node does not run, or why there is no pod at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cli.jobs import printable
from cli.objects import Object
from cli.waiting.cause import Cause, Reason
from cli.waiting.cluster import Facts

_PULL = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
_MOUNTS = {"FailedMount", "FailedAttachVolume", "FailedMapVolume"}
_MISSING = ("secret", "configmap")
_QUIET = (None, "", "ContainerCreating", "PodInitializing")


def cause(pod: Object, facts: Facts) -> Cause | None:
    """Of a pod that has a node; None if it runs."""
    return next(_causes(pod, facts), None)


def no_pods(facts: Facts) -> Cause:
    """The run is not suspended, and has no pod."""
    owners = {facts.name, *(each["metadata"]["name"] for each in facts.jobs if _is_part(each, facts))}
    said = [
        each for each in facts.events if each["reason"] == "FailedCreate" and each["involvedObject"]["name"] in owners
    ]
    if not said:
        return Cause(Reason.STARTING, "its pods are being created")
    message = printable(str(_last(said)["message"]))
    if "exceeded quota" in message:
        return Cause(Reason.QUOTA, message, "wait for another pod of the team to end, or raise the quota")
    if "not found" in message:
        return Cause(Reason.DEPENDENCY, message)
    return Cause(Reason.REFUSED, message)


def _causes(pod: Object, facts: Facts) -> Iterator[Cause]:
    status = pod.get("status", {})
    for each in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = each.get("state", {}).get("waiting") or {}
        reason, message = waiting.get("reason"), printable(waiting.get("message") or "")
        if reason in _PULL:
            image = each.get("image", "")
            yield Cause(Reason.IMAGE_PULL, f"{image}: {message or reason}", "is the image in the registry?")
        elif reason == "CreateContainerConfigError":
            yield Cause(Reason.DEPENDENCY, message, f"kubectl get secrets,configmaps -n {facts.namespace}")
        elif reason not in _QUIET:
            yield Cause(Reason.STARTING, f"{reason}: {message}")
    yield from _mounts(pod, facts)
    for each in status.get("initContainerStatuses") or []:
        if "running" in each.get("state", {}):
            yield Cause(Reason.DEPENDENCY, f"its init container {each['name']} has not ended")
    if status.get("phase") == "Pending":
        yield Cause(Reason.STARTING, f"its pod is starting on node {pod['spec'].get('nodeName', '')}")


def _mounts(pod: Object, facts: Facts) -> Iterator[Cause]:
    if pod.get("status", {}).get("phase") != "Pending":
        return
    uid = pod["metadata"]["uid"]
    said = [each for each in facts.events if each["reason"] in _MOUNTS and each["involvedObject"].get("uid") == uid]
    if not said:
        return
    message = printable(str(_last(said)["message"]))
    if any(f'{kind} "' in message for kind in _MISSING) and "not found" in message:
        yield Cause(Reason.DEPENDENCY, message, f"kubectl get secrets,configmaps -n {facts.namespace}")
    else:
        yield Cause(Reason.VOLUME, message, f"kubectl get pvc,pv -n {facts.namespace}")


def _last(events: list[Any]) -> Any:
    return max(events, key=lambda each: str(each.get("lastTimestamp") or each["metadata"]["creationTimestamp"]))


def _is_part(job: Object, facts: Facts) -> bool:
    uids = {each["uid"] for each in job["metadata"].get("ownerReferences") or []}
    return facts.run["metadata"]["uid"] in uids
