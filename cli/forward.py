"""Port-forward to a Service or a pod of the cluster."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from common.errors import CommandError


def require_kubectl(environment: Mapping[str, str]) -> str:
    """The `kubectl` on PATH: the one built for the local cluster, or the user's."""
    found = shutil.which("kubectl", path=environment["PATH"])
    if found is None:
        raise CommandError(
            "no kubectl",
            "it is not on PATH, and is needed to reach Services of a cluster",
            hint="install it (https://kubernetes.io/docs/tasks/tools/), then run the command again",
        )
    return found


@contextmanager
def forward(namespace: str, service: str, port: int, context: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Forward a free loopback port to `service` while the block runs; its address, such as `http://127.0.0.1:40123`.

    `pod/<name>` is a pod, whose ports need not be a Service's.
    """
    kubectl = require_kubectl(environment)
    named = service if "/" in service else f"service/{service}"
    target = ["--context", context, "--namespace", namespace, "port-forward", named, f":{port}"]
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
            kind, _, name = named.partition("/")
            raise CommandError(f"{kind} {namespace}/{name} can't be reached", process.stderr.read().strip())
        yield f"http://127.0.0.1:{line.split('127.0.0.1:')[1].split()[0]}"
    finally:
        process.terminate()
        process.wait()
