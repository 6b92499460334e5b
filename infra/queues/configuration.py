"""Kueue's own configuration file, and the names that it derives others from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.catalogue.images import KUEUE
from infra.declaration.queues import Queues

NAME = KUEUE
"""Of the Deployment, its Service and the Secret with its certificate, which it makes itself."""
MUTATING, VALIDATING = (f"{NAME}-{what}-webhook-configuration" for what in ("mutating", "validating"))
"""Kueue derives these names from that of the Service."""
CERTIFICATES = "/var/run/secrets/webhook"
WEBHOOK_PORT, HEALTH_PORT = 9443, 8081
_UNUSED = ("MultiKueue", "TopologyAwareScheduling", "VisibilityOnDemand")
"""Features that are on by default, and would need more definitions, rights and memory."""
_MANY = ("Job.batch", "JobSet.jobset.x-k8s.io", "Workload.kueue.x-k8s.io")
"""Kinds of which there are many objects; as upstream's manifests, since the defaults are made for few."""


def configuration(
    settings: Queues, namespace: str, seconds_for_a_node: int, uncounted: Sequence[str]
) -> dict[str, Any]:
    """`uncounted`: resources that jobs request and no quota limits."""
    # With the other strategy, gangs of different sizes stop each other for ever (kueue#14543).
    fair = {"preemptionStrategies": ["LessThanOrEqualToFinalShare"]}
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "namespace": namespace,
        "health": {"healthProbeBindAddress": f":{HEALTH_PORT}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"port": WEBHOOK_PORT, "certDir": CERTIFICATES},
        # One pod, which ends before the next one starts.
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": True, "webhookServiceName": NAME, "webhookSecretName": NAME},
        "clientConnection": {"qps": 50, "burst": 100},
        "controller": {"groupKindConcurrency": dict.fromkeys(_MANY, 5)},
        "manageJobsWithoutQueueName": False,
        "integrations": {"frameworks": ["batch/job", "jobset.x-k8s.io/jobset"]},
        "waitForPodsReady": {
            "timeout": f"{settings.pods_ready_timeout + seconds_for_a_node}s",
            "blockAdmission": False,
            "requeuingStrategy": {"timestamp": "Eviction", "backoffBaseSeconds": 60, "backoffMaxSeconds": 3600},
        },
        **({"fairSharing": fair} if settings.fair_sharing else {}),
        "resources": {"excludeResourcePrefixes": list(uncounted)},
        "featureGates": dict.fromkeys(_UNUSED, False),
    }
