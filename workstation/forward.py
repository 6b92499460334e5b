"""A service of the cluster on a port of this machine's loopback, for as long as somebody looks at it."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from workstation.errors import WorkstationError


@contextmanager
def forward(namespace: str, service: str, port: int, context: str, environment: Mapping[str, str]) -> Iterator[str]:
    """The address, such as `http://127.0.0.1:40123`, at which `service`'s `port` can be reached inside the block."""
    target = ["--context", context, "--namespace", namespace, "port-forward", f"service/{service}", f":{port}"]
    process = subprocess.Popen(
        ["kubectl", *target, "--address", "127.0.0.1"],
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
