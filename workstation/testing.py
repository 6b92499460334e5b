"""`make test`: every test that this machine can run, on an engine, a registry and a cluster that are real.

Starts what is not running yet, and stops again what it started.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence

from workstation import console, down, paths, stack, toolchain
from workstation.cluster import lifecycle
from workstation.console import Progress
from workstation.errors import WorkstationError


def main(arguments: Sequence[str]) -> int:
    """Run pytest with `arguments`; its exit code, or 1 when what was started can't be stopped."""
    progress = Progress()
    able = os.geteuid() == 0 and platform.system() == "Linux"
    was_running = able and lifecycle.is_running()
    try:
        toolchain.ensure(progress, cluster=able)
        if able:
            with progress.step("Kubernetes") as step:
                lifecycle.start(step.say)
        else:
            console.console.print("[yellow]![/] tests on Docker and Kubernetes are skipped: they need root on Linux")
        return _pytest(arguments, able)
    finally:
        if able and not was_running:
            down.stop_everything(progress)
            down.prove_nothing_left(docker_bridge_too=True)


def _pytest(arguments: Sequence[str], able: bool) -> int:
    environment = dict(stack.environment()) | {"ML_PLATFORM_BIN": str(toolchain.engine().parent)}
    if able:
        environment["KUBECONFIG"] = str(paths.KUBECONFIG)
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=paths.REPOSITORY, env=environment, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except WorkstationError as error:
        sys.exit(console.fail(error))
