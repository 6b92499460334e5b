"""PersistentVolumeClaim, PersistentVolume, ResourceQuota and Secret: what a controller fills in."""

from __future__ import annotations

from offline.plugins.provider import ProviderError

from ..cluster import Cluster
from ..kinds import GVK
from ..objects import Manifest, display_name
from .pods import warning_events
from .verdict import Verdict, Wait, dig

_STORAGE_CLASS = GVK("storage.k8s.io", "v1", "StorageClass")


def claim(cluster: Cluster, live: Manifest, _age: float) -> Verdict:
    """Ready when bound, or when its class binds it only once a pod asks."""
    phase, name = dig(live, "status", "phase", default="Pending"), display_name(live)
    if phase == "Bound" or (phase == "Pending" and _binds_late(cluster, live)):
        return Verdict(True)
    return Verdict(
        False,
        f'Waiting for PersistentVolumeClaim "{name}" to be bound (it is {phase})',
        [f"Timeout occurred polling for '{name}': the claim is {phase}"],
    )


def _binds_late(cluster: Cluster, live: Manifest) -> bool:
    name = dig(live, "spec", "storageClassName", default="")
    if not name:
        return False
    try:
        found = cluster.request("GET", cluster.path(_STORAGE_CLASS, name=name))
    except ProviderError:
        return False
    return found.get("volumeBindingMode") == "WaitForFirstConsumer"


def claim_causes(cluster: Cluster, live: Manifest) -> list[str]:
    """What the binder or the provisioner has to say."""
    return [f"[{event.get('reason')}] {event.get('message', '')}" for event in warning_events(cluster, live)[-1:]]


def volume(_cluster: Cluster, live: Manifest, _age: float) -> Verdict:
    """Ready when it can be claimed or is."""
    phase = dig(live, "status", "phase", default="Pending")
    name = display_name(live)
    reasons = [f"Timeout occurred polling for '{name}': the volume is {phase}"]
    return Verdict(phase in ("Available", "Bound"), f"Waiting for the volume (it is {phase})", reasons)


def quota(_cluster: Cluster, live: Manifest, _age: float) -> Verdict:
    """Ready when the controller enforces what is asked for."""
    done = dig(live, "spec", "hard", default={}) == dig(live, "status", "hard", default={})
    reasons = [f"Timeout occurred polling for '{display_name(live)}': the quota is not enforced yet"]
    return Verdict(done, "Waiting for the quota to be enforced", reasons)


def secret(_cluster: Cluster, live: Manifest, _age: float) -> Verdict:
    """Ready at once, but for a service account's token, which a controller writes."""
    done = live.get("type") != "kubernetes.io/service-account-token" or bool(live.get("data"))
    reasons = [f"Timeout occurred polling for '{display_name(live)}': no token was written"]
    return Verdict(done, "Waiting for the service account's token", reasons)


CLAIM = Wait(claim, claim_causes, default_s=300, limit_s=300, on_read=False)
VOLUME = Wait(volume, default_s=300, limit_s=300, on_read=False)
QUOTA = Wait(quota, default_s=60, limit_s=60, on_read=False)
SECRET = Wait(secret, default_s=30, limit_s=30, on_read=False)
