"""`make test`: every test that this machine can run, on a real engine, registry and cluster.

Starts what is not running yet and stops what it started. A cluster that already runs, or holds a stack of this
machine, is kept with its data.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Sequence

from cli import flaky, stack
from common import console, paths
from common.console import Progress
from common.environment import prepare
from common.errors import CommandError
from offline import machine

_PARALLEL = ("-n", "logical", "--maxprocesses", "8", "--dist", "loadfile")
TIERS = (
    ("tests/unit", *_PARALLEL),
    ("tests/engine", "--ignore", "tests/engine/images", *_PARALLEL),
    ("tests/engine/images", "tests/cluster", "tests/stack"),
)
"""From cheap to expensive. The last ones share ports, the Docker engine and the cluster, so they run one by one."""


def main(arguments: Sequence[str]) -> int:
    """Run all tests, or pytest with `arguments`; return 1 if a test fails."""
    parser = argparse.ArgumentParser(prog="cli.testing", add_help=False, allow_abbrev=False)
    parser.add_argument("--flaky", type=int, default=0, help="how many tests may fail if they pass when run once more")
    chosen, selected = parser.parse_known_args(arguments)
    prepare()
    result = _on_this_machine([selected] if selected else TIERS, chosen.flaky)
    print("\n".join(result.lines()))
    return result.code


def _on_this_machine(runs: Sequence[Sequence[str]], allowed: int) -> flaky.Result:
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
        return flaky.run(runs, _pytest, allowed)
    finally:
        if own:
            machine.stop(progress)


def _clear_interrupted_run() -> None:
    """Nodes and namespaces that a killed run left behind would change the results of this one."""
    machine.discard_cluster()


def _pytest(arguments: Sequence[str]) -> int:
    environment = {**stack.environment(), "ML_PLATFORM_BIN": str(machine.engine().parent)}
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=paths.REPOSITORY, env=environment, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CommandError as error:
        sys.exit(console.fail(error))
