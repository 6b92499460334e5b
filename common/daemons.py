"""Background processes that outlive the command that starts them; a later command finds and stops them by pid file."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from common import paths
from common.errors import CommandError, tail

_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_INHERITED = {
    *("PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),  # dockerd pulls images, perhaps through a TLS-inspecting proxy
    *_PROXIES,
    *map(str.upper, _PROXIES),
}
_INHERITED_BEGINNINGS = ("LC_", "XDG_", "ML_PLATFORM_")


def inherited_environment() -> dict[str, str]:
    """The variables that a background process inherits: paths, locale and proxies, but no credentials of the caller."""
    kept = [name for name in os.environ if name in _INHERITED or name.startswith(_INHERITED_BEGINNINGS)]
    return {name: os.environ[name] for name in kept}


@dataclass(frozen=True)
class Daemon:
    """A background process. `ready` is polled until it returns True."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    """In addition to the inherited variables."""
    timeout: float = 60
    """Seconds to become ready."""

    @property
    def log(self) -> Path:
        return paths.LOGS / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return paths.PIDS / f"{self.name}.pid"

    def process(self) -> psutil.Process | None:
        """The running process; a reused pid is detected by its creation time."""
        return process_of(self.pid_file)

    def start(self) -> None:
        """Start it unless it is running, and wait until it is ready."""
        if self.process() is None:
            self._spawn()
        deadline = time.monotonic() + self.timeout
        while not self._is_ready():
            if self.process() is None:
                raise CommandError(f"{self.name} exited while starting", tail(self.log), log=self.log)
            if time.monotonic() > deadline:
                why = f"not ready after {self.timeout:.0f} s\n{tail(self.log, 5)}"
                raise CommandError(f"{self.name} did not start", why, log=self.log)
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        with suppress(OSError):
            return self.ready()
        return False

    def _spawn(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o022,  # not the user's: it would be in the modes of what an engine builds
                cwd="/",
                env={**inherited_environment(), **self.environment},
            )
        created = psutil.Process(child.pid).create_time()
        self.pid_file.write_text(f"{child.pid} {created}\n")


def process_of(pid_file: Path) -> psutil.Process | None:
    """The running process that a pid file names, or None."""
    try:
        pid, created = pid_file.read_text().split()
        process = psutil.Process(int(pid))
        same = abs(process.create_time() - float(created)) < 1
        return process if same and _lives(process) else None
    except (OSError, ValueError, psutil.Error):
        return None


def is_running(name: str) -> bool:
    """Whether the daemon `name` is running."""
    return process_of(paths.PIDS / f"{name}.pid") is not None


def stop(*names: str, timeout: float = 20) -> None:
    """Stop these daemons in parallel: SIGTERM, then SIGKILL after `timeout` seconds."""
    files = [paths.PIDS / f"{name}.pid" for name in names]
    end([process for file in files if (process := process_of(file)) is not None], timeout)
    for file in files:
        file.unlink(missing_ok=True)


def end(processes: Sequence[psutil.Process], timeout: float = 10) -> None:
    """Terminate `processes`; kill those still running after `timeout` seconds."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _wait(processes, timeout)
    for process in processes:
        if _lives(process):
            with suppress(psutil.NoSuchProcess):
                process.kill()
    _wait(processes, 5)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> None:
    """Wait until all have exited; a zombie counts as exited."""
    deadline = time.monotonic() + seconds
    while any(map(_lives, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def crashed() -> Sequence[str]:
    """Names of the daemons that exited without having been stopped."""
    return sorted(file.stem for file in paths.PIDS.glob("*.pid") if process_of(file) is None)
