"""Starts the volume provisioner in the background."""

import sys

from common import paths
from common.daemons import Daemon

READY = paths.RUN / "volumes.ready"


def start() -> None:
    """Start the provisioner unless it is running."""
    daemon = Daemon(
        "volumes",
        [sys.executable, "-m", "offline.cluster.volume_provisioner"],
        READY.exists,
        {"KUBECONFIG": str(paths.KUBECONFIG), "PYTHONPATH": str(paths.REPOSITORY)},
    )
    if daemon.process() is None:
        READY.unlink(missing_ok=True)
    daemon.start()
