"""Inputs of the resources that pulumi-docker bridges from Terraform: automatic names, defaults, what replaces."""

from __future__ import annotations

import json
from typing import Any

from common.pulumi import urn_name, urn_type
from offline.plugins.diff import Diff, changed_paths
from offline.plugins.marshal import UNKNOWN, Bag
from offline.plugins.provider import Naming

CONTAINER = "docker:index/container:Container"
NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"
REMOTE_IMAGE = "docker:index/remoteImage:RemoteImage"
REGISTRY_IMAGE = "docker:index/registryImage:RegistryImage"

_NAMED = frozenset({CONTAINER, NETWORK, VOLUME, REGISTRY_IMAGE})
_NAME_DIGITS = 7
_DEFAULTS: dict[str, Bag] = {
    CONTAINER: {
        "mustRun": True,
        "networkMode": "bridge",
        "removeVolumes": True,
        "restart": "no",
        "start": True,
        "waitTimeout": 60,
    },
    NETWORK: {"ipamDriver": "default"},
}
_PORT_DEFAULTS = {"ip": "0.0.0.0", "protocol": "tcp"}
# Zero values that Terraform plans by itself: a state that spells them out equals one that does not.
_IMPLIED: dict[str, Bag] = {
    CONTAINER: dict.fromkeys(("attach", "logs", "readOnly", "rm", "stdinOpen", "tty", "wait"), False)
    | {"memoryReservation": 0, "containerReadRefreshTimeoutMilliseconds": 15000},
    REGISTRY_IMAGE: {"insecureSkipVerify": False, "keepRemotely": False},
}
_UPDATABLE: dict[str, frozenset[str]] = {
    CONTAINER: frozenset(
        {
            *("attach", "containerReadRefreshTimeoutMilliseconds", "cpuPeriod", "cpuQuota", "cpuSet", "cpuShares"),
            *("destroyGraceSeconds", "deviceReadBps", "deviceReadIops", "deviceWriteBps", "deviceWriteIops"),
            *("healthcheck", "init", "logs", "maxRetryCount", "memory", "memoryReservation", "memorySwap", "mustRun"),
            *("removeVolumes", "restart", "rm", "start", "tmpfs", "wait", "waitTimeout"),
        }
    ),
    VOLUME: frozenset({"cluster", "driverOpts"}),
    REMOTE_IMAGE: frozenset({"build", "forceRemove", "keepLocally"}),
    REGISTRY_IMAGE: frozenset({"authConfig", "build", "insecureSkipVerify", "keepRemotely"}),
}
_ORDERED = frozenset({"command", "entrypoints", "ports", "tests", "triggers", "pullTriggers"})


def with_defaults(urn: str, olds: Bag, news: Bag, naming: Naming) -> Bag:
    """The inputs as they are stored: named, and with the defaults that differ from zero."""
    token = urn_type(urn)
    inputs = dict(news)
    defaults = [key for key in _DEFAULTS.get(token, {}) if key not in inputs]
    inputs |= {key: _DEFAULTS[token][key] for key in defaults}
    if "name" not in inputs and token in _NAMED:
        kept = olds.get("name") if "name" in olds.get("__defaults", []) else None
        inputs["name"] = kept or naming.name(urn_name(urn), _NAME_DIGITS)
        defaults.append("name")
    if isinstance(inputs.get("ports"), list):
        inputs["ports"] = [_port(port) for port in inputs["ports"]]
    return {**inputs, "__defaults": sorted(defaults)}


def differences(urn: str, old_inputs: Bag, news: Bag) -> Diff:
    """What changed, and which of it replaces: everything that the engine can't change in place."""
    token = urn_type(urn)
    before, after = _comparable(token, old_inputs), _comparable(token, news)
    detailed = changed_paths(before, after)
    touched = {path.split(".")[0].split("[")[0] for path in detailed}
    replaces = sorted(touched - _UPDATABLE.get(token, frozenset()))
    return Diff(detailed, replaces, delete_before_replace=_must_go_first(token, replaces, before, after))


def plain(inputs: Bag) -> Bag:
    """The inputs without the bookkeeping of defaults, at any depth."""
    return {key: _plain(value) for key, value in inputs.items() if key != "__defaults"}


def _must_go_first(token: str, replaces: list[str], before: Bag, after: Bag) -> bool:
    """A container always makes room first; else only where both would have one name."""
    same_name = token in (NETWORK, VOLUME) and before.get("name") == after.get("name")
    return bool(replaces) and (token == CONTAINER or same_name)


def _port(port: Any) -> Any:
    if port is UNKNOWN:
        return port
    return {**_PORT_DEFAULTS, **port, "__defaults": sorted(key for key in _PORT_DEFAULTS if key not in port)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return plain(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _comparable(token: str, inputs: Bag) -> Bag:
    """Inputs so that equal ones compare equal: defaults spelled out, sets sorted, empty lists left out."""
    complete = {**_DEFAULTS.get(token, {}), **_IMPLIED.get(token, {}), **plain(inputs)}
    return {key: _sorted(key, value) for key, value in complete.items() if value != []}


def _sorted(key: str, value: Any) -> Any:
    if isinstance(value, list) and key not in _ORDERED:
        return sorted(value, key=lambda item: json.dumps(item, sort_keys=True, default=str))
    return value
