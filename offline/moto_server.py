"""An AWS emulator on loopback: moto in server mode, for trying the cloud foundation without an account.

It holds everything in memory, so what stand-ins keep beside it is forgotten whenever a new one starts or it ends.
"""

from __future__ import annotations

import sys
import urllib.request

from common import daemons, paths
from common.daemons import Daemon
from common.errors import WorkstationError
from offline.plugins.aws.kept import forget
from offline.plugins.aws.settings import EXAMPLE_ACCOUNT

HOST = "127.0.0.1"
PORT = 5000
_NAME = "moto"
_READY_SECONDS = 60.0


def address(port: int = PORT) -> str:
    """What to set as AWS_ENDPOINT_URL."""
    return f"http://{HOST}:{port}"


def start(port: int = PORT, account: str = EXAMPLE_ACCOUNT) -> str:
    """Start it unless it runs; every object belongs to `account`. Returns its address."""
    daemon = _daemon(port, account)
    if daemon.process() is None:
        if _answers(port):
            raise WorkstationError(f"port {port} is taken", "something else answers there", hint="choose another port")
        forget(address(port))
    daemon.start()
    return address(port)


def stop(port: int = PORT) -> None:
    """End it, with all that it held."""
    daemons.stop(_name(port))
    forget(address(port))


def stop_all() -> None:
    """End every one that was started on this machine."""
    for file in paths.PIDS.glob(f"{_NAME}-*.pid"):
        stop(int(file.stem.rpartition("-")[2]))


def _name(port: int) -> str:
    return f"{_NAME}-{port}"


def _daemon(port: int, account: str) -> Daemon:
    command = [sys.executable, "-P", "-m", "moto.server", "--host", HOST, "--port", str(port)]
    environment = {"MOTO_ACCOUNT_ID": account, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    return Daemon(_name(port), command, lambda: _answers(port), environment, _READY_SECONDS)


def _answers(port: int) -> bool:
    """Whether moto's own page answers, asked without any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{address(port)}/moto-api/", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
