"""`make test`: every test that this machine can run, on a real engine, registry and cluster.

Starts what is not running yet and stops what it started. A cluster that already runs, or holds a stack of this
machine, is kept with its data.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from threading import Event
from typing import NoReturn

from cli import flaky, stack
from common import console, paths
from common.console import Progress
from common.environment import prepare
from common.errors import CommandError
from offline import machine

_EACH = "-v"
"""Each test has a line when it begins: some take minutes."""
_PARALLEL = ("-n", "logical", "--maxprocesses", "8", "--dist", "loadfile")
_OBSERVED = ("tests/cluster/logs", "tests/cluster/monitoring", "tests/cluster/status_page")
_WITH_IMAGES = ("tests/engine/images", "tests/engine/plan")
"""In this order: the latter takes a program out of an image of the former."""
PROGRAMS = (
    ("tests/unit", *_PARALLEL),
    ("tests/engine", *(f"--ignore={folder}" for folder in _WITH_IMAGES), *_PARALLEL),
    ("tests/engine/images", _EACH),
    # They wait for Kueue's timers, most of the time.
    ("tests/engine/plan", "-n", "logical", "--maxprocesses", "4"),
    (*_OBSERVED, _EACH),
)
"""They compute most of the time, so they leave the processors to the others; at the end come tests in namespaces of
their own, so that both lanes take about the same time."""
CLUSTER = (("tests/cluster", "tests/stack", *(f"--ignore={folder}" for folder in _OBSERVED), _EACH),)
"""They wait most of the time. They share the cluster, so they run one by one."""
_BEHIND = ("nice", "-n", "10")
_SLOWEST = "--durations=10"
_INTERRUPTED = 2
"""Exit code of pytest."""
_interrupted = Event()
_running: list[subprocess.Popen[str]] = []


def main(arguments: Sequence[str]) -> int:
    """Run all tests, or pytest with `arguments`; return 1 if a test fails."""
    parser = argparse.ArgumentParser(prog="cli.testing", add_help=False, allow_abbrev=False)
    parser.add_argument("--flaky", type=int, default=0, help="how many tests may fail if they pass when run once more")
    chosen, selected = parser.parse_known_args(arguments)
    prepare()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    result = _on_this_machine(_lanes(selected), chosen.flaky)
    print("\n".join(result.lines()))
    return result.code


def _lanes(selected: Sequence[str]) -> Sequence[flaky.Lane]:
    if selected:
        return [(_pytest, [selected])]
    return [(partial(_in_lane, "programs", _BEHIND), PROGRAMS), (partial(_in_lane, "cluster", ()), CLUSTER)]


def _on_this_machine(lanes: Sequence[flaky.Lane], allowed: int) -> flaky.Result:
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
        return flaky.run(lanes, _pytest, allowed)
    finally:
        if own:
            machine.stop(progress)


def _clear_interrupted_run() -> None:
    """Nodes and namespaces that a killed run left behind would change the results of this one."""
    machine.discard_cluster()


def _pytest(arguments: Sequence[str], lane: str = "", before: Sequence[str] = ()) -> int:
    """Each line that a lane prints begins with its name."""
    if _interrupted.is_set():
        return _INTERRUPTED
    with subprocess.Popen(
        [*before, sys.executable, "-m", "pytest", *arguments],
        cwd=paths.REPOSITORY,
        env={**stack.environment(), "ML_PLATFORM_BIN": str(machine.engine().parent)},
        stdout=subprocess.PIPE if lane else None,
        stderr=subprocess.STDOUT if lane else None,
        text=True,
        errors="replace",
    ) as process:
        _running.append(process)
        for line in process.stdout or ():
            print(f"{lane:8} | {line}", end="", flush=True)
    _running.remove(process)
    return process.returncode


def _in_lane(lane: str, before: Sequence[str], arguments: Sequence[str]) -> int:
    return _pytest([*arguments, _SLOWEST, *(["--color=yes"] if sys.stdout.isatty() else [])], lane, before)


def _interrupt(number: int, _: object) -> NoReturn:
    """End all runs in order: what they have started is stopped. A terminal's Ctrl-C reaches them by itself."""
    _interrupted.set()
    for process in _running if number == signal.SIGTERM else ():
        process.send_signal(signal.SIGINT)
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CommandError as error:
        sys.exit(console.fail(error))
    except KeyboardInterrupt:
        sys.exit("interrupted")
