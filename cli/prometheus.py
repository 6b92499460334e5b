"""Queries of a stack's Prometheus, through the cluster's API."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import requests

from cli import preflight, stack
from cli.forward import forward
from common.errors import CommandError
from infra.declaration.model import Platform

_PORT = 9090
_TIMEOUT = 30


@contextmanager
def forwarded(name: str, platform: Platform) -> Iterator[str]:
    """The address of the Prometheus of stack `name` while the block runs."""
    context = preflight.kube_context(platform, name)
    with forward(platform.namespace, "prometheus", _PORT, context, stack.environment(context)) as address:
        yield address


def query(address: str, expression: str) -> Sequence[Mapping[str, Any]]:
    """The series of an instant query."""
    try:
        answer = requests.get(f"{address}/api/v1/query", params={"query": expression}, timeout=_TIMEOUT)
        answer.raise_for_status()
        found: Sequence[Mapping[str, Any]] = answer.json()["data"]["result"]
    except requests.RequestException as error:
        raise CommandError("Prometheus does not answer", str(error), hint="run `make up`") from None
    return found
