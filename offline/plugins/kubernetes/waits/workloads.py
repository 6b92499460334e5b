"""Deployment, StatefulSet, DaemonSet, ReplicationController and Job."""

from __future__ import annotations

from ..cluster import Cluster
from ..kinds import GVK
from ..objects import Manifest, annotation, display_name, namespace_of
from .pods import causes_of, creation_failures
from .verdict import Verdict, Wait, condition, dig, observed, owned_by

_REPLICA_SET = GVK("apps", "v1", "ReplicaSet")
_REVISION = "deployment.kubernetes.io/revision"


def _count(live: Manifest, field: str) -> int:
    return int(dig(live, "status", field, default=0))


def _replicas(live: Manifest) -> int:
    return int(dig(live, "spec", "replicas", default=1))


def deployment(_cluster: Cluster, live: Manifest, _age: float) -> Verdict:
    """Complete when all replicas are of the new revision and available, and the old ones are gone."""
    wanted, available = _replicas(live), _count(live, "availableReplicas")
    if not observed(live):
        return Verdict(False, "Waiting for the Deployment controller")
    if _count(live, "updatedReplicas") == _count(live, "replicas") == available == wanted:
        return Verdict(True)
    fresh = min(available, _count(live, "updatedReplicas"))
    progressing = condition(live, "Progressing")
    reasons = [
        f"[{entry['reason']}] {entry.get('message', '')}"
        for entry in (condition(live, "ReplicaFailure"), progressing, condition(live, "Available"))
        if entry and (entry["status"] == "False") != (entry["type"] == "ReplicaFailure")
    ]
    short = "Minimum number of live Pods was not attained"
    if condition(live, "Available").get("status") == "True":
        short = "Attempted to roll forward to new ReplicaSet, but minimum number of Pods did not become live"
    return Verdict(
        False,
        f"Waiting for app ReplicaSet to be available ({fresh}/{wanted} Pods available)",
        [*reasons, short],
        hopeless=progressing.get("reason") == "ProgressDeadlineExceeded",
    )


def deployment_causes(cluster: Cluster, live: Manifest) -> list[str]:
    """The reasons of the pods of the newest revision; older pods are healthy or don't matter any more."""
    namespace, selector = namespace_of(live), dig(live, "spec", "selector", default={})
    sets = [owned for owned in cluster.list(_REPLICA_SET, namespace) if owned_by(owned, live)]
    newest = [owned for owned in sets if annotation(owned, _REVISION) == annotation(live, _REVISION)]
    return [reason for owner in newest for reason in causes_of(cluster, namespace, selector, owner)]


def stateful_set(_cluster: Cluster, live: Manifest, _age: float) -> Verdict:
    """Ready when all replicas are ready and the update has become the current revision."""
    wanted, ready = _replicas(live), _count(live, "readyReplicas")
    current, target = dig(live, "status", "currentRevision"), dig(live, "status", "updateRevision")
    on_delete = dig(live, "spec", "updateStrategy", "type") == "OnDelete" and dig(live, "metadata", "generation") > 1
    rolled = on_delete or (bool(current) and current == target)
    counted = ready if rolled else min(ready, _count(live, "updatedReplicas"))
    complete = wanted == _count(live, "replicas") == ready and (on_delete or _count(live, "currentReplicas") == wanted)
    if observed(live) and rolled and complete:
        return Verdict(True)
    step = "Waiting for StatefulSet to create Pods" if rolled else "Waiting for StatefulSet update to roll out"
    reasons = [] if complete else [f"{counted} out of {wanted} replicas succeeded readiness checks"]
    if not rolled:
        reasons.append(f'StatefulSet controller failed to advance from revision "{current}" to revision "{target}"')
    return Verdict(False, f"{step} ({counted}/{wanted} Pods ready)", reasons)


def daemon_set(_cluster: Cluster, live: Manifest, _age: float) -> Verdict:
    """Ready when every node that should run a pod runs an available one of the current template."""
    wanted = _count(live, "desiredNumberScheduled")
    updated, available = _count(live, "updatedNumberScheduled"), _count(live, "numberAvailable")
    if observed(live) and updated >= wanted and available >= wanted:
        return Verdict(True)
    message = f"Waiting for DaemonSet ({min(updated, available)}/{wanted} Pods available)"
    return Verdict(
        False, message, [f"{available} out of {wanted} Pods are available, {updated} of the current template"]
    )


def replication_controller(_cluster: Cluster, live: Manifest, _age: float) -> Verdict:
    """Ready when all replicas are available."""
    wanted, available = _replicas(live), _count(live, "availableReplicas")
    done = observed(live) and available >= wanted
    return Verdict(done, f"Waiting for replicas ({available}/{wanted} Pods available)")


def job(_cluster: Cluster, live: Manifest, _age: float) -> Verdict:
    """A job is ready when it has succeeded; once it has failed there is nothing to wait for."""
    name = display_name(live)
    failed = condition(live, "Failed")
    if condition(live, "Complete").get("status") == "True":
        return Verdict(True)
    if failed.get("status") == "True":
        return Verdict(False, "Job failed", [f"[{failed.get('reason')}] {failed.get('message', '')}"], hopeless=True)
    if not dig(live, "status", "startTime"):
        suspended = " (it is suspended)" if dig(live, "spec", "suspend") else ""
        return Verdict(False, f'Waiting for Job "{name}" to start{suspended}')
    counts = " | ".join(f"{field.capitalize()}: {_count(live, field)}" for field in ("active", "succeeded", "failed"))
    return Verdict(False, f'Waiting for Job "{name}" to succeed ({counts})')


def pods_and_creation(cluster: Cluster, live: Manifest) -> list[str]:
    """The reasons of an object's own pods, or why it couldn't create any."""
    selector = dig(live, "spec", "selector", default={})
    labels = (
        selector if "matchLabels" in selector or live["kind"] != "ReplicationController" else {"matchLabels": selector}
    )
    found = causes_of(cluster, namespace_of(live), labels, live)
    return found or creation_failures(cluster, live)


DEPLOYMENT = Wait(deployment, deployment_causes)
STATEFUL_SET = Wait(stateful_set, pods_and_creation)
DAEMON_SET = Wait(daemon_set, pods_and_creation)
REPLICATION_CONTROLLER = Wait(replication_controller, pods_and_creation, on_read=False)
JOB = Wait(job, pods_and_creation)
