"""Background processes: found again by a later command, stopped by their own id, reported when they crash."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import daemons, paths
from common.daemons import Daemon
from common.errors import CommandError
from tests.waiting import eventually

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


OF_THE_CALLER = {
    "AWS_SECRET_ACCESS_KEY": "a secret",
    "GITHUB_TOKEN": "a token",
    "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
    "RUNNER_TRACKING_ID": "by which a runner ends what a job has started",
    "MAKEFLAGS": "w",
}
OF_THE_MACHINE = {
    "HTTPS_PROXY": "http://proxy:3128",
    "https_proxy": "http://proxy:3128",
    "no_proxy": "127.0.0.1",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "XDG_CACHE_HOME": "/var/cache",
}


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**OF_THE_CALLER, **OF_THE_MACHINE}.items():
        monkeypatch.setenv(name, value)


def variables(text: bytes) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in text.decode().split("\0") if entry)


@pytest.mark.usefixtures("surroundings")
def test_a_daemon_takes_over_what_is_true_of_the_machine_and_nothing_of_the_caller() -> None:
    sleeper = Daemon("sleeper", ["sleep", "60"], lambda: True, {"KUBECONFIG": "/kubeconfig"})
    sleeper.start()
    process = sleeper.process()
    assert process is not None
    environment = Path(f"/proc/{process.pid}/environ")
    # For a moment after it has been started, it has none.
    found = eventually(lambda: variables(environment.read_bytes()), what="its environment")
    assert found.items() >= {**OF_THE_MACHINE, "KUBECONFIG": "/kubeconfig", "PATH": os.environ["PATH"]}.items()
    assert set(found) & set(OF_THE_CALLER) == set()


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
    with pytest.raises(CommandError) as refused:
        failing.start()
    assert refused.value.what == "sleeper exited while starting"
    assert "no such disk" in refused.value.why
    assert refused.value.log == paths.LOGS / "sleeper.log"


def test_a_pid_file_of_another_process_is_not_believed(tmp_path: Path) -> None:
    stale = tmp_path / "stale.pid"
    stale.write_text("1 0.0\n")
    assert daemons.process_of(stale) is None
