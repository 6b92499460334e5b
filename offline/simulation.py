"""A control plane of one command: etcd, API server, scheduler and Kueue, without a node that runs anything.

Everything is in a temporary folder and on loopback, needs neither root nor Docker, and ends with the command, even if
it is killed; then the next one removes the folder. The objects in it are made up, so durability is given up for speed,
and the one token may do everything.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from ctypes import CDLL
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any
from urllib.request import Request, urlopen

import psutil
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from common.console import Progress
from common.daemons import end, inherited_environment
from common.errors import CommandError, tail
from offline import go_tools, toolchain

PROGRAMS = ("server", "kube-apiserver", "kube-scheduler")
"""etcd's program is called after its folder."""
_ETCD = "clients:1"
"""Its socket, in the working directory of both: etcd takes no path, but what looks like a host and a port."""
_FOLDER = "ml-platform-plan-"
"""Then the command's pid."""
_KUEUE = "Kueue"
_TIMEOUT = 60
_POLL = 0.05
_MOMENT = 2
"""Seconds in which a part that does not answer any more may come to its end."""
_USER, _GROUP = "plan", "system:masters"
_UNLIMITED = {"qps": 10_000, "burst": 20_000}
# Nothing would take the taint from a new node again: a controller does that.
_UNUSED_ADMISSION = (
    "TaintNodesByCondition",
    "ServiceAccount",
    "DefaultStorageClass",
    "StorageObjectInUseProtection",
    "RuntimeClass",
)
_PARENT_ENDS = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def ensure(progress: Progress) -> None:
    """Build what is missing."""
    toolchain.build(progress, {go_tools.KUBERNETES: PROGRAMS, go_tools.KUEUE: ["kueue"]})


def memory() -> int:
    """Bytes of all processes of this command's control planes."""
    found = 0
    for process in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            found += process.memory_info().rss if process.name() in {*PROGRAMS, "kueue"} else 0
    return found


class ControlPlane:
    """Its API server; Kueue comes when its definitions are there."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._processes: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
        """With their logs."""
        (self._api_port,) = _free_ports(1)
        self._metrics_port = 0
        self.server = f"https://127.0.0.1:{self._api_port}"
        self.token = secrets.token_hex(16)
        self.authority = folder / "apiserver.crt"

    def start(self) -> None:
        """Until the API answers."""
        _write_key(self._folder / "accounts.key")
        self._write("tokens.csv", f'{self.token},{_USER},{_USER},"{_GROUP}"\n')
        self._write("kubeconfig", json.dumps(self._kubeconfig()))
        self._write("scheduler.json", json.dumps(self._scheduler()))
        self._run("etcd", "server", _etcd(), (self._folder / _ETCD).exists)
        self._run("API server", "kube-apiserver", self._api_server(), lambda: self._answers("/readyz"))
        self._run("scheduler", "kube-scheduler", {"config": self._folder / "scheduler.json", "secure-port": 0})

    def start_queues(self, configuration: Mapping[str, Any]) -> None:
        """Kueue, with a configuration that this control plane completes."""
        webhook_port, health_port, self._metrics_port = _free_ports(3)
        for name, source in (("tls.crt", "apiserver.crt"), ("tls.key", "apiserver.key")):
            shutil.copy(self._folder / source, self._folder / name)
        own = {
            "health": {"healthProbeBindAddress": f"127.0.0.1:{health_port}"},
            "metrics": {"bindAddress": f"127.0.0.1:{self._metrics_port}"},
            "webhook": {"host": "127.0.0.1", "port": webhook_port, "certDir": str(self._folder)},
            "clientConnection": _UNLIMITED,
        }
        self._write("kueue.json", json.dumps({**configuration, **own}))
        flags = {"config": self._folder / "kueue.json", "kubeconfig": self._folder / "kubeconfig"}
        program = go_tools.KUEUE.program("kueue")
        self._run(_KUEUE, program, flags, self._measures)

    def queue_metrics(self) -> str:
        """Of Kueue, in Prometheus' text format."""
        try:
            # Kueue makes the certificate of this port itself; another process that listens there would get the token.
            if not _listens(self._processes[_KUEUE][0].pid, self._metrics_port):
                raise OSError("it does not serve its metrics")
            return self._get(f"https://127.0.0.1:{self._metrics_port}/metrics", verified=False)
        except OSError as error:
            raise self.silent(_KUEUE, error) from None

    @contextmanager
    def paused_queues(self) -> Iterator[None]:
        """Kueue sees all changes of the block together."""
        process, _ = self._processes[_KUEUE]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def require_running(self, seconds: float = 0) -> None:
        """Raise an error if a part has exited, or does so in this time."""
        deadline = time.monotonic() + seconds
        while True:
            for name, (process, log) in self._processes.items():
                if process.poll() is not None:
                    raise CommandError(f"the simulation's {name} exited with {process.returncode}", tail(log))
            if time.monotonic() >= deadline:
                return
            time.sleep(_POLL)

    def silent(self, part: str, why: Exception) -> CommandError:
        """The error for a part that does not answer; if one has exited, that is raised."""
        self.require_running(_MOMENT)
        return CommandError(f"the simulation's {part} does not answer", str(why))

    def _api_server(self) -> dict[str, object]:
        return {
            "etcd-servers": f"unix://{_ETCD}",
            "bind-address": "127.0.0.1",
            "secure-port": self._api_port,
            "cert-dir": self._folder,
            "token-auth-file": self._folder / "tokens.csv",
            "anonymous-auth": "false",
            "authorization-mode": "AlwaysAllow",
            "disable-admission-plugins": ",".join(_UNUSED_ADMISSION),
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self._folder / "accounts.key",
            "service-account-signing-key-file": self._folder / "accounts.key",
            "service-cluster-ip-range": "10.0.0.0/24",
            "enable-priority-and-fairness": "false",
            "profiling": "false",
            "event-ttl": "1h",
        }

    def _scheduler(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {"kubeconfig": str(self._folder / "kubeconfig"), **_UNLIMITED},
            "leaderElection": {"leaderElect": False},
            "podMaxBackoffSeconds": 1,
        }

    def _kubeconfig(self) -> dict[str, Any]:
        cluster = {"server": self.server, "certificate-authority": str(self.authority)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": _USER, "cluster": cluster}],
            "users": [{"name": _USER, "user": {"token": self.token}}],
            "contexts": [{"name": _USER, "context": {"cluster": _USER, "user": _USER}}],
            "current-context": _USER,
        }

    def _run(
        self, name: str, program: str | Path, flags: Mapping[str, object], ready: Callable[[], bool] = lambda: True
    ) -> None:
        path = program if isinstance(program, Path) else go_tools.KUBERNETES.program(program)
        log = self._folder / f"{path.name}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [str(path), *(f"--{flag}={value}" for flag, value in flags.items())],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self._folder,
                env=inherited_environment(),
                preexec_fn=_end_with_parent,
            )
        self._stack.callback(process.wait)
        self._stack.callback(end, [psutil.Process(process.pid)])
        self._processes[name] = process, log
        deadline = time.monotonic() + _TIMEOUT
        while True:
            self.require_running()
            if ready():
                return
            if time.monotonic() > deadline:
                raise CommandError(f"the simulation's {name} did not start in {_TIMEOUT} s", tail(log, 5))
            time.sleep(_POLL)

    def _measures(self) -> bool:
        """It also says that it is ready before, while it makes its certificates."""
        if not _listens(self._processes[_KUEUE][0].pid, self._metrics_port):
            return False
        with suppress(CommandError):
            return bool(self.queue_metrics())
        return False

    def _answers(self, path: str) -> bool:
        with suppress(OSError):
            return self._get(f"{self.server}{path}") == "ok"
        return False

    def _get(self, url: str, *, verified: bool = True) -> str:
        # Kueue serves its metrics with a certificate that it makes itself and keeps.
        context = ssl.create_default_context(cafile=self.authority) if verified else ssl._create_unverified_context()
        request = Request(url, headers={"Authorization": f"Bearer {self.token}"})
        with urlopen(request, timeout=10, context=context) as response:
            return str(response.read().decode())

    def _write(self, name: str, content: str) -> None:
        (self._folder / name).write_text(content)


@contextmanager
def control_plane() -> Iterator[ControlPlane]:
    """Running until the end of the block."""
    _remove_what_was_killed()
    with TemporaryDirectory(prefix=f"{_FOLDER}{os.getpid()}-") as folder, ExitStack() as stack:
        plane = ControlPlane(Path(folder), stack)
        plane.start()
        yield plane


def _remove_what_was_killed() -> None:
    """Folders of commands that could not remove them."""
    for folder in Path(gettempdir()).glob(f"{_FOLDER}*"):
        pid = folder.name.removeprefix(_FOLDER).partition("-")[0]
        with suppress(OSError):
            if folder.stat().st_uid == os.getuid() and pid.isdecimal() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(folder)


def _listens(pid: int, port: int) -> bool:
    """Whether this process listens on a port."""
    try:
        found = psutil.Process(pid).net_connections(kind="inet")
    except psutil.NoSuchProcess:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in found)


def _etcd() -> dict[str, object]:
    clients, peers = f"unix://{_ETCD}", "unix://peers:1"
    return {
        "data-dir": "data",
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
        "unsafe-no-fsync": "true",
        "quota-backend-bytes": 4 * 2**30,
    }


def _write_key(file: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain))


def _free_ports(number: int) -> Sequence[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _end_with_parent() -> None:
    """The kernel kills the process when the command is killed."""
    if sys.platform == "linux":
        CDLL(None).prctl(_PARENT_ENDS, signal.SIGKILL)
