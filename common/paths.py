"""Folders of this machine: one cache, one state folder, one runtime folder."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "ml-platform"


CACHE = _xdg("XDG_CACHE_HOME", ".cache")
"""Can be rebuilt: tools, the base image, Docker's layers. `make down` keeps it."""

STATE = _xdg("XDG_STATE_HOME", ".local/state")
"""The local cluster, Pulumi's home and state, logs."""

RUN = Path("/run/ml-platform")
"""Sockets: their paths must be short, and a reboot removes them."""

BIN = STATE / "bin"
LOGS = STATE / "logs"
PIDS = STATE / "pids"
CLUSTER = STATE / "cluster"
KUBECONFIG = CLUSTER / "kubeconfig"
PULUMI_HOME = STATE / "pulumi"
PULUMI_BACKEND = STATE / "stacks"
PASSPHRASE = STATE / "passphrase"
DOCKER_SOCKET = RUN / "docker.sock"
