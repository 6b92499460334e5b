"""Environment variables that every process started here needs."""

from collections.abc import Mapping

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def no_loopback_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """`no_proxy` extended by loopback, if a proxy is set: engine and plugins talk to each other there."""
    if not any(environment.get(name) or environment.get(name.upper()) for name in _PROXIES):
        return {}
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = [host.strip() for host in listed.split(",") if host.strip()]
    if "*" in hosts:
        return {}
    extended = ",".join([*hosts, *(host for host in LOOPBACK if host not in hosts)])
    return {"no_proxy": extended, "NO_PROXY": extended}
