"""A service of the cluster on a port of this machine's loopback, for as long as somebody looks at it."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from common.errors import WorkstationError


def require_kubectl(environment: Mapping[str, str]) -> str:
    """The `kubectl` to use: the one built here, for the workstation's own cluster, or the user's."""
    found = shutil.which("kubectl", path=environment["PATH"])
    if found is None:
        raise WorkstationError(
            "no kubectl",
            "it is not on PATH, and services of a cluster are reached through it",
            hint="install it (https://kubernetes.io/docs/tasks/tools/), then run the command again",
        )
    return found


@contextmanager
def forward(namespace: str, service: str, port: int, context: str, environment: Mapping[str, str]) -> Iterator[str]:
    """The address, such as `http://127.0.0.1:40123`, at which `service`'s `port` can be reached inside the block."""
    kubectl = require_kubectl(environment)
    target = ["--context", context, "--namespace", namespace, "port-forward", f"service/{service}", f":{port}"]
    process = subprocess.Popen(
        [kubectl, *target, "--address", "127.0.0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(environment),
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        if "127.0.0.1:" not in line:
            raise WorkstationError(f"service {namespace}/{service} can't be reached", process.stderr.read().strip())
        yield f"http://127.0.0.1:{line.split('127.0.0.1:')[1].split()[0]}"
    finally:
        process.terminate()
        process.wait()
