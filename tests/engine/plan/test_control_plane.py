"""The control plane of `make plan`: it is reached by its own command alone, and ends with it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
import requests

from cli.capacity.fleet import fleet
from cli.capacity.simulation.examine import examine
from common import paths
from common.errors import CommandError
from infra.declaration.loader import declare
from offline import simulation
from tests.unit.cli.test_capacity import ONE_GPU, QUOTA
from tests.unit.declaration.samples import WHERE, small
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("root")


def test_it_listens_on_loopback_alone_and_knows_nobody_else() -> None:
    with simulation.control_plane() as plane:
        processes = psutil.Process().children()
        listening = [
            each.laddr.ip
            for process in processes
            for each in process.net_connections(kind="inet")
            if each.status == psutil.CONN_LISTEN
        ]
        assert set(listening) == {"127.0.0.1"}
        url, authority = f"{plane.server}/api/v1/namespaces", str(plane.authority)
        assert requests.get(url, verify=authority, timeout=10).status_code == 401
        wrong = {"Authorization": f"Bearer {'0' * 32}"}
        assert requests.get(url, verify=authority, headers=wrong, timeout=10).status_code == 401
        own = {"Authorization": f"Bearer {plane.token}"}
        assert requests.get(url, verify=authority, headers=own, timeout=10).status_code == 200
        assert plane.authority.parent.stat().st_mode & 0o077 == 0
        assert not any(plane.token in " ".join(process.cmdline()) for process in processes)


def test_nothing_is_left_of_it() -> None:
    with simulation.control_plane() as plane:
        folder, processes = plane.authority.parent, psutil.Process().children()
        assert len(processes) >= len(simulation.PROGRAMS)
    assert not folder.exists()
    assert not [process for process in processes if process.is_running()]


def test_two_are_apart() -> None:
    with simulation.control_plane() as one, simulation.control_plane() as other:
        assert one.server != other.server
        own = {"Authorization": f"Bearer {one.token}"}
        url = f"{other.server}/api/v1/namespaces"
        assert requests.get(url, verify=str(other.authority), headers=own, timeout=10).status_code == 401


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_a_command_that_is_stopped(number: signal.Signals, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "cli", "plan", "--stack", "prod"]
    with subprocess.Popen(command, cwd=paths.REPOSITORY, env=environment, stdout=subprocess.DEVNULL) as plan:
        process = psutil.Process(plan.pid)
        started: list[psutil.Process] = []

        def runs_a_scheduler() -> bool:
            started[:] = process.children()
            return "kube-scheduler" in [each.name() for each in started]

        eventually(runs_a_scheduler, 120)
        plan.send_signal(number)
        plan.wait(30)
    assert plan.returncode != 0
    _, alive = psutil.wait_procs(started, timeout=30)
    assert not alive
    if number != signal.SIGKILL:
        assert not list(tmp_path.iterdir())


def test_nobody_else_gets_the_token() -> None:
    with simulation.control_plane() as plane, socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(0.5)
        plane._metrics_port = stranger.getsockname()[1]
        plane._processes["Kueue"] = plane._processes["etcd"]
        with pytest.raises(CommandError, match="Kueue does not answer"):
            plane.queue_metrics()
        with pytest.raises(TimeoutError):
            stranger.accept()


@pytest.mark.parametrize(("program", "part"), [("kueue", "Kueue"), ("kube-scheduler", "scheduler")])
def test_a_part_that_ends_is_named(root: Path, program: str, part: str) -> None:
    quota = {"queues": {}, "teams.vision.quota": QUOTA, "teams.speech.quota": QUOTA}
    declaration = small(**{"training": {"one": ONE_GPU}, "models.other": {"team": "vision"}, **quota})

    def kill(step: str) -> None:
        if step.endswith("by itself"):
            (found,) = [each for each in psutil.Process().children() if each.name() == program]
            found.kill()

    with pytest.raises(CommandError, match=f"the simulation's {part} exited"):
        examine("dev", fleet(declare(declaration, WHERE, root)), "", kill)


def test_the_folder_of_a_killed_command_is_removed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    folders = [tmp_path / f"ml-platform-plan-{pid}-x" for pid in (ended.pid, os.getpid())]
    for folder in folders:
        folder.mkdir()
    with simulation.control_plane():
        assert [folder.exists() for folder in folders] == [False, True]


def test_the_command_says_how_it_knows() -> None:
    began = time.monotonic()
    command = [sys.executable, "-m", "cli", "plan", "--stack", "prod", "--json"]
    done = subprocess.run(command, cwd=paths.REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["by"] == "simulation"
    assert "simulate stack prod" in done.stderr
    print(f"{time.monotonic() - began:.1f} s")
