"""Environment variables that every process started here needs."""

import os
from collections.abc import Mapping

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
_EXCEPTIONS = ("no_proxy", "no_grpc_proxy")
"""gRPC reads the second one in place of the first, if it is set."""


def spare_loopback() -> None:
    """Let this process, and those that it starts, reach loopback without a proxy."""
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
