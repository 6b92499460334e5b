"""Inputs of containers and volumes: which are supported, automatic names, defaults, and what replaces."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from common.pulumi import urn_name, urn_type
from offline.plugins.diff import Diff, changed_paths
from offline.plugins.marshal import UNKNOWN, Bag
from offline.plugins.provider import CheckError, Naming

IMAGE = "docker:index/image:Image"
CONTAINER = "docker:index/container:Container"
VOLUME = "docker:index/volume:Volume"

_SUPPORTED: dict[str, frozenset[str]] = {
    IMAGE: frozenset({"build", "buildOnPreview", "imageName", "registry", "skipPush"}),
    f"{IMAGE}.build": frozenset({"args", "builderVersion", "cacheFrom", "context", "dockerfile", "platform"}),
    VOLUME: frozenset({"labels", "name"}),
    CONTAINER: frozenset(
        {
            *("command", "envs", "image", "labels", "mustRun", "name", "networkMode", "ports", "removeVolumes"),
            *("restart", "start", "uploads", "volumes", "wait", "waitTimeout"),
        }
    ),
    f"{CONTAINER}.ports": frozenset({"external", "internal", "ip", "protocol"}),
    f"{CONTAINER}.uploads": frozenset({"content", "file"}),
    f"{CONTAINER}.volumes": frozenset({"containerPath", "readOnly", "volumeName"}),
}
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
}
_PORT_DEFAULTS = {"ip": "0.0.0.0", "protocol": "tcp"}
# Zero values that Terraform plans by itself: a state that spells them out equals one that does not.
_IMPLIED: dict[str, Bag] = {CONTAINER: {"wait": False}}
_UPDATABLE: dict[str, frozenset[str]] = {
    CONTAINER: frozenset({"mustRun", "removeVolumes", "restart", "start", "wait", "waitTimeout"}),
}
_ORDERED = frozenset({"command", "ports"})


def require_supported(token: str, inputs: Bag) -> None:
    """Refuse an input that would have no effect here."""
    failures = [(key, _unsupported(token, key)) for key in _unknown(token, inputs)]
    for name, value in inputs.items():
        section = f"{token}.{name}"
        entries = value if isinstance(value, list) else [value]
        if section in _SUPPORTED:
            keys = {key for entry in entries if isinstance(entry, dict) for key in _unknown(section, entry)}
            failures += [(f"{name}.{key}", _unsupported(token, f"{name}.{key}")) for key in sorted(keys)]
    if failures:
        raise CheckError(failures)


def with_defaults(urn: str, olds: Bag, news: Bag, naming: Naming) -> Bag:
    """The inputs as they are stored: named, and with the defaults that differ from zero."""
    token = urn_type(urn)
    inputs = dict(news)
    defaults = [key for key in _DEFAULTS.get(token, {}) if key not in inputs]
    inputs |= {key: _DEFAULTS[token][key] for key in defaults}
    if "name" not in inputs:
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
    same_name = before.get("name") == after.get("name")
    return Diff(detailed, replaces, delete_before_replace=bool(replaces) and (token == CONTAINER or same_name))


def labels(entries: Iterable[Bag]) -> dict[str, str]:
    """Labels as the engine's API takes them."""
    return {entry["label"]: entry["value"] for entry in entries}


def plain(inputs: Bag) -> Bag:
    """The inputs without the bookkeeping of defaults, at any depth."""
    return {key: _plain(value) for key, value in inputs.items() if key != "__defaults"}


def _unknown(section: str, inputs: Bag) -> list[str]:
    return sorted(key for key in inputs if key not in _SUPPORTED[section] and not key.startswith("__"))


def _unsupported(token: str, key: str) -> str:
    return f"the stand-in for the docker plugin does not support {key} of {token}; use the official plugin"


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
