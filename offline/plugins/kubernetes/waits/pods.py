"""Why a pod isn't ready, in the words of the cluster: scheduler, image pull, exit codes, last lines of the log."""

from __future__ import annotations

from offline.plugins.provider import ProviderError

from ..cluster import Cluster
from ..kinds import GVK
from ..objects import Manifest, display_name, name_of, namespace_of
from .verdict import Verdict, Wait, condition, dig, owned_by

POD = GVK("", "v1", "Pod")
EVENT = GVK("", "v1", "Event")
_LOG_LINES = 5
_MOST_PODS = 3  # a thousand failing pods fail for the same reason


def look(_cluster: Cluster, pod: Manifest, _age: float) -> Verdict:
    """A pod is ready when its Ready condition says so, or when it has run to success."""
    name, phase = display_name(pod), dig(pod, "status", "phase")
    if condition(pod, "Ready").get("status") == "True" or phase == "Succeeded":
        return Verdict(True)
    step = next((what for kind, what in _STEPS if condition(pod, kind).get("status") != "True"), "ready")
    return Verdict(False, f'Waiting for Pod "{name}" to be {step}', hopeless=phase == "Failed")


_STEPS = (("PodScheduled", "scheduled"), ("Initialized", "initialized"))


def causes(cluster: Cluster, pod: Manifest) -> list[str]:
    """The reasons of one pod, each on a line of its own; the container's last words may follow."""
    if look(cluster, pod, 0).ready:
        return []
    prefix = f"[Pod {display_name(pod)}]: "
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return [f"{prefix}[{scheduled.get('reason', '')}] {scheduled.get('message', '')}"]
    statuses = dig(pod, "status", "initContainerStatuses", default=[]) + dig(
        pod, "status", "containerStatuses", default=[]
    )
    errors = [text for status in statuses for text in _container_errors(cluster, pod, status)]
    summary = condition(pod, "Ready").get("message", "") or dig(pod, "status", "message", default="")
    if errors:
        return [prefix + summary + "\n".join(errors)]
    warnings = [event["message"] for event in warning_events(cluster, pod)[-1:]]
    return [prefix + "; ".join(filter(None, [summary, *warnings]))] if summary or warnings else []


def _container_errors(cluster: Cluster, pod: Manifest, status: Manifest) -> list[str]:
    state, last = status.get("state") or {}, status.get("lastState") or {}
    errors = []
    waiting = state.get("waiting") or {}
    if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing"):
        errors.append(f"[{waiting.get('reason')}] {waiting.get('message', '')}".strip())
    for terminated, previous in ((state.get("terminated"), False), (last.get("terminated"), True)):
        if terminated and terminated.get("exitCode") != 0 and not status.get("ready"):
            errors.append(_exit(status, terminated) + _last_lines(cluster, pod, status["name"], previous))
            break
    return errors


def _exit(status: Manifest, terminated: Manifest) -> str:
    how = f"{terminated.get('reason')}: exit code {terminated.get('exitCode')}"
    restarts = f", restarts: {status['restartCount']}" if status.get("restartCount") else ""
    text = f'container "{status["name"]}" terminated ({how}{restarts})'
    return f"{text}: {terminated['message']}" if terminated.get("message") else text


def _last_lines(cluster: Cluster, pod: Manifest, container: str, previous: bool) -> str:
    query = {"container": container, "tailLines": str(_LOG_LINES), "previous": str(previous).lower()}
    try:
        path = cluster.path(POD, namespace_of(pod), name_of(pod))
        text = str(cluster.request("GET", f"{path}/log", query).get("text", "")).strip()
    except ProviderError:
        return ""  # the log is a courtesy; the container's state has said the main thing
    return "".join(f"\n    {line}" for line in ["last log lines:", *text.splitlines()]) if text else ""


def causes_of(cluster: Cluster, namespace: str, selector: Manifest, owner: Manifest) -> list[str]:
    """The reasons of the pods that an object owns and selects."""
    labels = ",".join(f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items())
    pods = [pod for pod in cluster.list(POD, namespace, labelSelector=labels) if owned_by(pod, owner)]
    found = [reason for pod in pods for reason in causes(cluster, pod)]
    more = len(found) - _MOST_PODS
    return [*found[:_MOST_PODS], *([f"... and {more} more"] if more > 0 else [])]


def warning_events(cluster: Cluster, live: Manifest) -> list[Manifest]:
    """Warnings about an object, the latest last."""
    uid = live["metadata"]["uid"]
    selector = f"involvedObject.uid={uid},type=Warning"
    events = cluster.list(EVENT, namespace_of(live), fieldSelector=selector)
    return sorted(events, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))


def creation_failures(cluster: Cluster, live: Manifest) -> list[str]:
    """Why a controller couldn't even create pods: quotas, admission, missing service accounts."""
    failed = [event for event in warning_events(cluster, live) if event.get("reason") == "FailedCreate"]
    return [f"[{event['reason']}] {event.get('message', '')}" for event in failed[-1:]]


WAIT = Wait(look, causes)
