"""The state of endpoints, jobs and platform components, with the reason if something is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from status.declared import Declared
from status.units import duration

Object = Mapping[str, Any]
GPU = "nvidia.com/gpu"
SIMULATED = "ml-platform.io/simulated"
_JOB_NAME = "batch.kubernetes.io/job-name"
_JOB_SET_NAME = "jobset.sigs.k8s.io/jobset-name"

GOOD, BUSY, WAITING, BAD = "good", "busy", "waiting", "bad"
"""Moods, which select the colour and sign of a state; the state itself is always text."""


NO_VERSION = "none yet"
"""The version of an endpoint whose model has no version to serve."""


@dataclass(frozen=True)
class Workload:
    """`why` is the reason of a problem, else empty; `version` is the served model version."""

    name: str
    namespace: str
    state: str
    mood: str
    why: str = ""
    model: str = ""
    version: str = ""
    gpus: int = 0
    simulated: bool = False
    since: str = ""


def endpoints(
    declared: Declared, deployments: Sequence[Object], pods: Sequence[Object], versions: Mapping[tuple[str, str], str]
) -> Iterator[Workload]:
    """All declared endpoints. `versions` is by namespace and name."""
    found = {_key(each): each for each in deployments}
    for name, known in declared.endpoints.items():
        namespace, model = known["namespace"], known["model"]
        version = versions.get((namespace, name), "")
        deployment = found.get((namespace, name))
        if deployment is None:
            yield Workload(name, namespace, "missing", BAD, "its Deployment is not in the cluster", model, version)
        else:
            yield _server(deployment, pods, model, version)


def parts(declared: Declared, deployments: Sequence[Object], pods: Sequence[Object]) -> Iterator[Workload]:
    """The Deployments and DaemonSets in the platform's namespaces."""
    for each in sorted(deployments, key=_key):
        if each["metadata"]["namespace"] in declared.own:
            yield _server(each, pods)


def jobs(
    declared: Declared,
    found: Sequence[Object],
    pods: Sequence[Object],
    why: Mapping[tuple[str, str], str],
    now: datetime,
) -> list[Workload]:
    """All jobs in the teams' namespaces, waiting and running ones first; `why` has the reasons of rejected pods, and of
    queues. The Jobs of a JobSet are one."""
    runs: dict[tuple[str, str], list[Workload]] = {}
    for each in found:
        part = _job(each, _pods_of(each, pods), why.get(_key(each), ""), now)
        runs.setdefault(_run(each), []).append(part)
    all_jobs = [_together(name, parts) for (_, name), parts in runs.items()]
    missing = [
        Workload(job["job"], job["namespace"], "missing", BAD, "declared, but not in the cluster", gpus=0)
        for job in declared.jobs.values()
        if (job["namespace"], job["job"]) not in runs
    ]
    order = {WAITING: 0, BUSY: 1, BAD: 2, GOOD: 3}
    return sorted([*all_jobs, *missing], key=lambda job: (order[job.mood], job.namespace, job.name))


def reason(pod: Object) -> str:
    """Why a pod does not run: not scheduled, or a container that is waiting."""
    for condition in pod["status"].get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message") or condition.get("reason") or "no node fits")
    for container in pod["status"].get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") not in (None, "ContainerCreating"):
            return ": ".join(part for part in (waiting["reason"], waiting.get("message", "")) if part)
    return ""


def gpus(pod: Object) -> int:
    """The GPU limits of all containers."""
    limits = [each.get("resources", {}).get("limits", {}) for each in pod["spec"]["containers"]]
    return sum(int(limit.get(GPU, 0)) for limit in limits)


def _server(deployment: Object, pods: Sequence[Object], model: str = "", version: str = "") -> Workload:
    namespace, name = _key(deployment)
    spec, status = deployment["spec"], deployment["status"]
    wanted = int(spec.get("replicas", status.get("desiredNumberScheduled", 1)))
    ready = int(status.get("readyReplicas", status.get("numberReady", 0)))
    reasons = [reason(pod) for pod in _selected(deployment, pods)] if ready < wanted else []
    why = next((each for each in reasons if each), "")
    if ready >= wanted and version == NO_VERSION:
        return Workload(name, namespace, "waiting", WAITING, "no version of its model is the champion yet", model)
    mood = GOOD if ready >= wanted else WAITING if ready else BAD
    return Workload(name, namespace, f"{ready} of {wanted} ready", mood, why, model, version)


def _job(job: Object, pods: Sequence[Object], known: str, now: datetime) -> Workload:
    namespace, name = _key(job)
    template = job["spec"]["template"]
    simulated = (template["metadata"].get("labels") or {}).get(SIMULATED) == "true"
    state, mood, why = _job_state(job, pods, known)
    since = _took(job, now)
    in_all = gpus(template) * int(job["spec"].get("parallelism", 1))
    return Workload(name, namespace, state, mood, why, gpus=in_all, simulated=simulated, since=since)


def _run(job: Object) -> tuple[str, str]:
    """The namespace and the name of the run that it is, or is a part of."""
    namespace, name = _key(job)
    return namespace, (job["metadata"].get("labels") or {}).get(_JOB_SET_NAME, name)


def _together(name: str, jobs: Sequence[Workload]) -> Workload:
    """A run whose parts are these: it is where the part is that lags most."""
    order = {BAD: 0, WAITING: 1, BUSY: 2, GOOD: 3}
    last = min(jobs, key=lambda job: order[job.mood])
    return replace(last, name=name, gpus=sum(job.gpus for job in jobs))


def _job_state(job: Object, pods: Sequence[Object], known: str) -> tuple[str, str, str]:
    ended = {each["type"]: each for each in job["status"].get("conditions", []) if each["status"] == "True"}
    if "Complete" in ended:
        return "done", GOOD, ""
    if "Failed" in ended:
        return "failed", BAD, ": ".join(filter(None, (ended["Failed"].get("reason"), ended["Failed"].get("message"))))
    if job["spec"].get("suspend"):
        return "waiting", WAITING, known or "suspended: it continues when a queue or a user resumes it"
    if any(pod["status"].get("phase") == "Running" for pod in pods):
        return "running", BUSY, ""
    why = next((each for each in map(reason, pods) if each), known)
    return "waiting", WAITING, why or "its pods are starting"


def _took(job: Object, now: datetime) -> str:
    """The job's running time, or its waiting time if it has not started."""
    status = job["status"]
    begin = status.get("startTime") or job["metadata"]["creationTimestamp"]
    ends = [each["lastTransitionTime"] for each in status.get("conditions", []) if each["type"] == "Failed"]
    end = status.get("completionTime") or next(iter(ends), None)
    return duration(max(0.0, ((_time(end) if end else now) - _time(begin)).total_seconds()))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _key(each: Object) -> tuple[str, str]:
    return each["metadata"]["namespace"], each["metadata"]["name"]


def _pods_of(job: Object, pods: Sequence[Object]) -> list[Object]:
    namespace, name = _key(job)
    return [
        pod
        for pod in pods
        if pod["metadata"]["namespace"] == namespace and pod["metadata"].get("labels", {}).get(_JOB_NAME) == name
    ]


def _selected(deployment: Object, pods: Sequence[Object]) -> Iterator[Object]:
    namespace, wanted = _key(deployment)[0], deployment["spec"]["selector"]["matchLabels"].items()
    for pod in pods:
        if pod["metadata"]["namespace"] == namespace and wanted <= pod["metadata"].get("labels", {}).items():
            yield pod
