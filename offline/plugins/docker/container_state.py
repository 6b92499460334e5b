"""What the engine says about a container, as pulumi-docker keeps it in the state."""

from __future__ import annotations

from typing import Any

from offline.plugins.docker.container_spec import MIB
from offline.plugins.marshal import Bag


def outputs(inputs: Bag, seen: dict[str, Any], logs: str | None = None) -> Bag:
    """Inputs completed by what is really there; a stopped container that must run shows as `mustRun: false`."""
    config, host, state = seen["Config"], seen["HostConfig"], seen["State"]
    running = state["Running"]
    found = {
        **inputs,
        "bridge": seen["NetworkSettings"].get("Bridge", ""),
        "networkDatas": [_network(name, data) for name, data in sorted(_networks(seen).items())],
        "name": seen["Name"].lstrip("/"),
        "image": seen["Image"] if str(inputs.get("image", "")).startswith("sha256:") else config["Image"],
        "hostname": config["Hostname"],
        "command": config.get("Cmd") or [],
        "entrypoints": config.get("Entrypoint") or [],
        "envs": inputs.get("envs", []),
        "labels": inputs.get("labels", []),
        "restart": host["RestartPolicy"]["Name"] or "no",
        "init": bool(host.get("Init")),
        "runtime": host.get("Runtime") or "",
        "platform": seen.get("Platform", ""),
        "securityOpts": host.get("SecurityOpt") or [],
        "shmSize": host["ShmSize"] // MIB,
        "ipcMode": host["IpcMode"],
        "logDriver": host["LogConfig"]["Type"],
        "networkMode": host["NetworkMode"],
        "stopSignal": config.get("StopSignal", ""),
        "stopTimeout": config.get("StopTimeout") or 0,
        "mustRun": inputs.get("mustRun", True) and running,
    }
    if "ports" in inputs and (running or inputs.get("mustRun", True)):
        found["ports"] = ports(seen["NetworkSettings"].get("Ports") or {}) or inputs["ports"]
    if not running:
        found["exitCode"] = state["ExitCode"]
    if config.get("Healthcheck"):
        found["healthcheck"] = _healthcheck(config["Healthcheck"])
    if logs is not None:
        found["containerLogs"] = logs
    return found


def ports(bound: dict[str, list[dict[str, str]] | None]) -> list[Bag]:
    """Published ports, ordered by number and protocol."""
    found = []
    for key, bindings in sorted(bound.items(), key=lambda item: (int(item[0].split("/")[0]), item[0])):
        number, protocol = key.split("/")
        for binding in bindings or []:
            port = {"internal": int(number), "external": int(binding["HostPort"])}
            found.append({**port, "ip": binding["HostIp"], "protocol": protocol})
    return found


def drifted(inputs: Bag, live: Bag) -> Bag:
    """Inputs as a refresh corrects them: only what was set, and only where the engine tells the truth about it."""
    told = ("mustRun", "image", "restart", "name", "networkMode", "hostname", "command", "entrypoints")
    changed = {key: live[key] for key in told if key in inputs and inputs[key] != live[key]}
    return {**inputs, **changed}


def _networks(seen: dict[str, Any]) -> dict[str, Any]:
    return seen["NetworkSettings"].get("Networks") or {}


def _network(name: str, data: dict[str, Any]) -> Bag:
    return {
        "networkName": name,
        "ipAddress": data["IPAddress"],
        "ipPrefixLength": data["IPPrefixLen"],
        "gateway": data["Gateway"],
        "globalIpv6Address": data["GlobalIPv6Address"],
        "globalIpv6PrefixLength": data["GlobalIPv6PrefixLen"],
        "ipv6Gateway": data["IPv6Gateway"],
        "macAddress": data["MacAddress"],
    }


def _healthcheck(check: dict[str, Any]) -> Bag:
    return {
        "tests": check.get("Test") or [],
        "interval": duration(check.get("Interval", 0)),
        "timeout": duration(check.get("Timeout", 0)),
        "startPeriod": duration(check.get("StartPeriod", 0)),
        "startInterval": duration(check.get("StartInterval", 0)),
        "retries": check.get("Retries", 0),
    }


def duration(nanoseconds: int) -> str:
    """As Go prints it: `1m30s`, `500ms`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < 10**9:
        unit, size = next((u, s) for u, s in (("ms", 10**6), ("µs", 10**3), ("ns", 1)) if nanoseconds >= s)
        return f"{nanoseconds / size:g}{unit}"
    minutes, rest = divmod(nanoseconds, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / 10**9:.9g}s"
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + seconds
