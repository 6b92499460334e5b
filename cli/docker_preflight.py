"""Checks of the Docker engine that builds the images."""

from collections.abc import Iterator

from cli.finding import Finding
from common.errors import CommandError
from offline import machine

SETTING = "DOCKER_HOST"
_ARCHITECTURE = "amd64"
_HINT = "start Docker, or name its socket in DOCKER_HOST"


def engine_builds_images() -> Iterator[Finding]:
    """An engine answers, and builds for the nodes' architecture. Another machine than this one may run `make up`."""
    if machine.docker_host() is None:
        problem = f"{machine.docker_absence()}, and `make up` builds the images"
        yield Finding(SETTING, problem, _HINT, blocking=False)
        return
    found = machine.docker_architecture()
    if found != _ARCHITECTURE:
        problem = f"the Docker engine is for {found}, and the images for {_ARCHITECTURE}"
        fix = "use an engine on an amd64 machine, or install QEMU's handlers (binfmt_misc), which build slowly"
        yield Finding(SETTING, problem, fix, blocking=False)


def require_engine() -> None:
    """Fail before anything is changed if no engine answers."""
    if machine.docker_host() is None:
        why = f"{machine.docker_absence()}; it builds the images, and `make up` starts one on the local foundation only"
        raise CommandError("no Docker engine answers", why, hint=_HINT)
