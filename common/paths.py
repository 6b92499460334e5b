"""Where the workstation keeps its things: one cache, one state folder, one runtime folder a machine."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "ml-platform"


CACHE = _xdg("XDG_CACHE_HOME", ".cache")
"""What can be made again: built tools, the base image, Docker's layers. `make down` leaves it."""

STATE = _xdg("XDG_STATE_HOME", ".local/state")
"""What a running workstation owns: the cluster, Pulumi's home and state, logs."""

RUN = Path("/run/ml-platform")
"""Sockets: short paths, gone with a reboot."""

BIN = STATE / "bin"
LOGS = STATE / "logs"
PIDS = STATE / "pids"
CLUSTER = STATE / "cluster"
KUBECONFIG = CLUSTER / "kubeconfig"
PULUMI_HOME = STATE / "pulumi"
PULUMI_BACKEND = STATE / "stacks"
PASSPHRASE = STATE / "passphrase"
DOCKER_SOCKET = RUN / "docker.sock"
