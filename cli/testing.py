"""`make test`: every test that this machine can run, on an engine, a registry and a cluster that are real.

Starts what is not running yet, and stops again what it started. A cluster that a stack of this machine stands on is
not the tests' own: it stays, with its data, even where it had to be started.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence

from cli import down, stack
from common import console, paths
from common.console import Progress
from common.errors import WorkstationError
from offline import debian, toolchain
from offline.cluster import lifecycle


def main(arguments: Sequence[str]) -> int:
    """Run pytest with `arguments`; its exit code, or 1 when what was started can't be stopped."""
    progress = Progress()
    able = os.geteuid() == 0 and platform.system() == "Linux"
    own = able and not lifecycle.is_running() and not stack.stacks()
    if own:
        _clear_interrupted_run()
    try:
        toolchain.ensure(progress, cluster=able)
        if able:
            with progress.step("Kubernetes") as step:
                lifecycle.start(step.say)
            _browser(progress)
        else:
            console.console.print("[yellow]![/] tests on Docker and Kubernetes are skipped: they need root on Linux")
        return _pytest(arguments)
    finally:
        if own:
            down.stop_everything(progress)
            down.prove_nothing_left(docker_bridge_too=True)


def _clear_interrupted_run() -> None:
    """What a killed run left behind would take part in this one: its nodes get pods, its namespaces hold names."""
    lifecycle.stop()
    lifecycle.remove()


def _browser(progress: Progress) -> None:
    """What pages are looked at with. A machine that can't have it skips those tests, and no others."""
    missing = debian.missing(debian.FOR_TESTS)
    if not missing:
        return
    try:
        with progress.step(f"install {' '.join(missing)} for tests of pages"):
            debian.install(missing)
    except WorkstationError as error:
        console.console.print(f"[yellow]![/] tests of pages are skipped: {error}")


def _pytest(arguments: Sequence[str]) -> int:
    environment = {**stack.environment(), "ML_PLATFORM_BIN": str(toolchain.engine().parent)}
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=paths.REPOSITORY, env=environment, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except WorkstationError as error:
        sys.exit(console.fail(error))
