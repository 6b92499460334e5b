"""A container's inputs as the engine's API wants them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from offline.plugins.marshal import Bag
from offline.plugins.provider import ProviderError

MIB = 1024 * 1024
_SECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION = re.compile(r"([0-9]*\.?[0-9]+)(ns|us|µs|ms|s|m|h)")


def creation_body(inputs: Bag) -> dict[str, Any]:
    """The body of a create call; what is not set is left to the engine."""
    body = {
        "Image": inputs["image"],
        "Hostname": inputs.get("hostname"),
        "Domainname": inputs.get("domainname"),
        "Tty": inputs.get("tty"),
        "OpenStdin": inputs.get("stdinOpen"),
        "StopSignal": inputs.get("stopSignal"),
        "StopTimeout": inputs.get("stopTimeout"),
        "Env": inputs.get("envs"),
        "Cmd": inputs.get("command"),
        "Entrypoint": inputs.get("entrypoints"),
        "User": inputs.get("user"),
        "WorkingDir": inputs.get("workingDir"),
        "Labels": labels(inputs.get("labels", [])),
        "ExposedPorts": {port_key(port): {} for port in inputs.get("ports", [])},
        "Volumes": {v["containerPath"]: {} for v in inputs.get("volumes", []) if v.get("containerPath")},
        "Healthcheck": healthcheck(inputs["healthcheck"]) if "healthcheck" in inputs else None,
        "HostConfig": _set(_host_config(inputs)),
    }
    return _set(body)


def _host_config(inputs: Bag) -> dict[str, Any]:
    capabilities = inputs.get("capabilities", {})
    return {
        **resources(inputs),
        "Privileged": inputs.get("privileged"),
        "PublishAllPorts": inputs.get("publishAllPorts"),
        "RestartPolicy": restart_policy(inputs),
        "Runtime": inputs.get("runtime"),
        "Mounts": [_mount(mount) for mount in inputs.get("mounts", [])],
        "AutoRemove": inputs.get("rm"),
        "ReadonlyRootfs": inputs.get("readOnly"),
        "LogConfig": _set({"Type": inputs.get("logDriver"), "Config": inputs.get("logOpts")}),
        "Tmpfs": inputs.get("tmpfs"),
        "PortBindings": _bindings(inputs.get("ports", [])),
        "ExtraHosts": [f"{host['host']}:{host['ip']}" for host in inputs.get("hosts", [])],
        "Binds": [_bind(volume) for volume in inputs.get("volumes", []) if _source(volume)],
        "VolumesFrom": [v["fromContainer"] for v in inputs.get("volumes", []) if v.get("fromContainer")],
        "Ulimits": [{"Name": u["name"], "Soft": u["soft"], "Hard": u["hard"]} for u in inputs.get("ulimits", [])],
        "CapAdd": capabilities.get("adds"),
        "CapDrop": capabilities.get("drops"),
        "Devices": [_device(device) for device in inputs.get("devices", [])],
        "DeviceRequests": _gpus(inputs),
        "Dns": inputs.get("dns"),
        "DnsOptions": inputs.get("dnsOpts"),
        "DnsSearch": inputs.get("dnsSearches"),
        "SecurityOpt": inputs.get("securityOpts"),
        "ShmSize": inputs["shmSize"] * MIB if "shmSize" in inputs else None,
        "NanoCpus": int(float(inputs["cpus"]) * 1e9) if inputs.get("cpus") else None,
        "CpuPeriod": inputs.get("cpuPeriod"),
        "CpuQuota": inputs.get("cpuQuota"),
        "NetworkMode": inputs.get("networkMode"),
        "UsernsMode": inputs.get("usernsMode"),
        "PidMode": inputs.get("pidMode"),
        "IpcMode": inputs.get("ipcMode"),
        "CgroupnsMode": inputs.get("cgroupnsMode"),
        "CgroupParent": inputs.get("cgroupParent"),
        "Sysctls": inputs.get("sysctls"),
        "GroupAdd": inputs.get("groupAdds"),
        "StorageOpt": inputs.get("storageOpts"),
        "Init": inputs.get("init", False),
    }


def resources(inputs: Bag) -> dict[str, Any]:
    """The limits, which the engine can also change while the container runs."""
    swap = inputs.get("memorySwap", 0)
    return _set(
        {
            "CpuShares": inputs.get("cpuShares"),
            "CpusetCpus": inputs.get("cpuSet"),
            "Memory": inputs.get("memory", 0) * MIB or None,
            "MemoryReservation": inputs.get("memoryReservation", 0) * MIB or None,
            "MemorySwap": (swap * MIB if swap > 0 else swap) or None,
            "BlkioDeviceReadBps": _throttles(inputs.get("deviceReadBps", [])),
            "BlkioDeviceReadIOps": _throttles(inputs.get("deviceReadIops", [])),
            "BlkioDeviceWriteBps": _throttles(inputs.get("deviceWriteBps", [])),
            "BlkioDeviceWriteIOps": _throttles(inputs.get("deviceWriteIops", [])),
        }
    )


def restart_policy(inputs: Bag) -> dict[str, Any]:
    return {"Name": inputs.get("restart", "no"), "MaximumRetryCount": inputs.get("maxRetryCount", 0)}


def labels(entries: Iterable[Bag]) -> dict[str, str]:
    return {entry["label"]: entry["value"] for entry in entries}


def port_key(port: Bag) -> str:
    return f"{port['internal']}/{port.get('protocol', 'tcp')}"


def healthcheck(check: Bag) -> dict[str, Any]:
    return _set(
        {
            "Test": check.get("tests"),
            "Interval": nanoseconds(check.get("interval", "0s")),
            "Timeout": nanoseconds(check.get("timeout", "0s")),
            "StartPeriod": nanoseconds(check.get("startPeriod", "0s")),
            "Retries": check.get("retries"),
        }
    )


def nanoseconds(text: str) -> int:
    """A Go duration, such as `1m30s`."""
    parts = _DURATION.findall(text)
    if "".join(number + unit for number, unit in parts) != text and text != "0":
        raise ProviderError(f"{text!r} is no duration; write for example 30s or 1m30s")
    return round(sum(float(number) * _SECONDS[unit] for number, unit in parts))


def _bindings(ports: Iterable[Bag]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        binding = {"HostIp": port.get("ip", "0.0.0.0"), "HostPort": str(port.get("external") or "")}
        bindings.setdefault(port_key(port), []).append(binding)
    return bindings


def _source(volume: Bag) -> str:
    return str(volume.get("hostPath") or volume.get("volumeName") or "")


def _bind(volume: Bag) -> str:
    if not volume.get("containerPath"):
        raise ProviderError("a volume needs containerPath, or fromContainer alone")
    mode = ",".join(filter(None, ["ro" if volume.get("readOnly") else "rw", volume.get("selinuxRelabel")]))
    return f"{_source(volume)}:{volume['containerPath']}:{mode}"


def _mount(mount: Bag) -> dict[str, Any]:
    body: dict[str, Any] = {"Type": mount["type"], "Target": mount["target"], "Source": mount.get("source", "")}
    body["ReadOnly"] = mount.get("readOnly", False)
    if mount["type"] == "bind" and "bindOptions" in mount:
        body["BindOptions"] = _set({"Propagation": mount["bindOptions"].get("propagation")})
    if mount["type"] == "tmpfs" and "tmpfsOptions" in mount:
        tmpfs = mount["tmpfsOptions"]
        body["TmpfsOptions"] = _set({"SizeBytes": tmpfs.get("sizeBytes"), "Mode": tmpfs.get("mode")})
    if mount["type"] == "volume" and "volumeOptions" in mount:
        options = mount["volumeOptions"]
        driver = _set({"Name": options.get("driverName"), "Options": options.get("driverOptions")})
        body["VolumeOptions"] = _set(
            {
                "NoCopy": options.get("noCopy", False),
                "Labels": labels(options.get("labels", [])),
                "DriverConfig": driver,
                "Subpath": options.get("subpath"),
            }
        )
    return body


def _device(device: Bag) -> dict[str, str]:
    return {
        "PathOnHost": device["hostPath"],
        "PathInContainer": device.get("containerPath") or device["hostPath"],
        "CgroupPermissions": device.get("permissions", "rwm"),
    }


def _gpus(inputs: Bag) -> list[dict[str, Any]]:
    gpus = inputs.get("gpus", "")
    if gpus == "all":
        return [{"Count": -1, "Capabilities": [["gpu"]]}]
    if gpus.startswith("device="):
        return [{"DeviceIDs": gpus.removeprefix("device=").split(","), "Capabilities": [["gpu"]]}]
    return [
        _set(
            {
                "Driver": request.get("driver", "cdi"),
                "Count": request.get("count"),
                "DeviceIDs": request.get("deviceIds"),
                "Capabilities": [request["capabilities"]] if request.get("capabilities") else None,
                "Options": request.get("options"),
            }
        )
        for request in inputs.get("deviceRequests", [])
    ]


def _throttles(devices: Iterable[Bag]) -> list[dict[str, Any]]:
    return [{"Path": device["path"], "Rate": device["rate"]} for device in devices]


def _set(fields: dict[str, Any]) -> dict[str, Any]:
    """Only what has a value."""
    return {key: value for key, value in fields.items() if value not in (None, [], {})}
