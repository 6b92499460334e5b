"""What commands, and all processes that they start, need of their environment."""

import os
import sys
from collections.abc import Mapping
from io import TextIOWrapper

from common.paths import home

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
_EXCEPTIONS = ("no_proxy", "no_grpc_proxy")
"""gRPC reads the second one in place of the first, if it is set."""


def prepare() -> None:
    """Complete the environment of this process, and so of those that it starts."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # what a terminal's encoding lacks, such as `…`
    os.environ["HOME"] = str(home())
    os.environ.update(no_loopback_proxy(os.environ))


def no_loopback_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """`no_proxy` extended by loopback, if a proxy is set: engine and plugins talk to each other there."""
    if not any(environment.get(name) or environment.get(name.upper()) for name in _PROXIES):
        return {}
    first, *others = _EXCEPTIONS
    names = [first, *(name for name in others if name in environment)]
    return {
        spelled: extended
        for name in names
        if (extended := _with_loopback(environment.get(name) or environment.get(name.upper()) or ""))
        for spelled in (name, name.upper())
    }


def _with_loopback(listed: str) -> str:
    """The hosts and loopback; an empty text if that is all of them already."""
    hosts = [host.strip() for host in listed.split(",") if host.strip()]
    if "*" in hosts:
        return ""
    return ",".join([*hosts, *(host for host in LOOPBACK if host not in hosts)])
