"""Folders of this machine: one cache, one state folder, one runtime folder."""

import os
from pathlib import Path

from common.errors import CommandError

REPOSITORY = Path(__file__).resolve().parent.parent


def home() -> Path:
    """The user's home folder: $HOME, or else what the system knows of the user."""
    if not os.environ.get("HOME"):
        os.environ.pop("HOME", None)  # an empty one would be the root folder
    try:
        return Path.home()
    except RuntimeError:
        hint = "set HOME to a folder that this user may write"
        raise CommandError(
            "there is no home folder", f"HOME is not set, and user {os.getuid()} has none", hint=hint
        ) from None


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or home() / default) / "ml-platform"


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


def require_writable() -> None:
    """Make the cache and the state folder."""
    for folder, variable in ((CACHE, "XDG_CACHE_HOME"), (STATE, "XDG_STATE_HOME")):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            writable = os.access(folder, os.W_OK)
            why = "permission denied"
        except OSError as error:
            writable, why = False, error.strerror or str(error)
        if not writable:
            raise CommandError(f"{folder} can't be written", why, hint=f"set {variable} to a folder of yours")
