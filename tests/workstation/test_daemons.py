"""Background processes: found again by a later command, stopped by their own id, reported when they crash."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import eventually
from workstation import daemons, paths
from workstation.daemons import Daemon
from workstation.errors import WorkstationError

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(paths, "PIDS", tmp_path / "pids")
    monkeypatch.setattr(paths, "LOGS", tmp_path / "logs")
    yield
    daemons.stop("sleeper")


def test_a_daemon_that_runs_is_not_started_twice() -> None:
    sleeper = Daemon("sleeper", SLEEPS, lambda: True)
    sleeper.start()
    first = sleeper.process()
    sleeper.start()
    assert first is not None
    assert sleeper.process() == first
    assert daemons.is_running("sleeper")


def test_a_crashed_daemon_is_reported_and_a_stopped_one_is_not() -> None:
    sleeper = Daemon("sleeper", SLEEPS, lambda: True)
    sleeper.start()
    process = sleeper.process()
    assert process is not None
    process.send_signal(signal.SIGKILL)
    eventually(lambda: daemons.crashed() == ["sleeper"], what="the crash to be seen")
    sleeper.start()
    daemons.stop("sleeper")
    assert daemons.crashed() == []
    assert not daemons.is_running("sleeper")


def test_one_that_ends_while_starting_says_so_with_its_last_words() -> None:
    failing = Daemon("sleeper", [sys.executable, "-c", "raise SystemExit('no such disk')"], lambda: False)
    with pytest.raises(WorkstationError) as refused:
        failing.start()
    assert refused.value.what == "sleeper stopped while starting"
    assert "no such disk" in refused.value.why
    assert refused.value.log == paths.LOGS / "sleeper.log"


def test_a_pid_file_of_another_process_is_not_believed(tmp_path: Path) -> None:
    stale = tmp_path / "stale.pid"
    stale.write_text("1 0.0\n")
    assert daemons.process_of(stale) is None
