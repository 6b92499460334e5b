"""`make test`: every test that this machine can run, on an engine, a registry and a cluster that are real.

Starts what is not running yet, and stops again what it started. A cluster that a stack of this machine stands on is
not the tests' own: it stays, with its data, even where it had to be started.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence

from cli import stack
from common import console, paths
from common.console import Progress
from common.errors import WorkstationError
from offline import machine


def main(arguments: Sequence[str]) -> int:
    """Run pytest with `arguments`; its exit code, or 1 when what was started can't be stopped."""
    progress = Progress()
    able = os.geteuid() == 0 and platform.system() == "Linux"
    own = able and not machine.cluster_is_running() and not stack.stacks()
    if own:
        _clear_interrupted_run()
    try:
        machine.ensure_tools(progress, cluster=able)
        if able:
            with progress.step("Kubernetes") as step:
                machine.start_cluster(step.say)
            machine.ensure_test_packages(progress)
        else:
            console.console.print("[yellow]![/] tests on Docker and Kubernetes are skipped: they need root on Linux")
        return _pytest(arguments)
    finally:
        if own:
            machine.stop(progress)


def _clear_interrupted_run() -> None:
    """What a killed run left behind would take part in this one: its nodes get pods, its namespaces hold names."""
    machine.discard_cluster()


def _pytest(arguments: Sequence[str]) -> int:
    environment = {**stack.environment(), "ML_PLATFORM_BIN": str(machine.engine().parent)}
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=paths.REPOSITORY, env=environment, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except WorkstationError as error:
        sys.exit(console.fail(error))
