"""`docker:index/container:Container`: created, filled with files, started, and removed."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterable
from typing import Any

from offline.plugins.docker.engine import Client, Engine
from offline.plugins.docker.inputs import labels
from offline.plugins.marshal import Bag
from offline.plugins.provider import ProviderError

_FILE_MODE = 0o644


def create(engine: Engine, inputs: Bag) -> tuple[str, Bag]:
    """Create and start it; one that fails halfway is removed, so that its name is free for the next attempt."""
    from docker.errors import ImageNotFound

    with engine.client() as client:
        try:
            made = client.create_container_from_config(_creation_body(inputs), inputs["name"])
        except ImageNotFound:
            raise ProviderError(f"this engine has no image {inputs['image']}: build it in the same program") from None
        except Exception as error:
            raise ProviderError(f"Unable to create container: {_why(error)}") from error
        identity: str = made["Id"]
        try:
            _bring_up(engine, client, identity, inputs)
        except BaseException:
            client.remove_container(identity, v=True, force=True)
            raise
        return identity, outputs(inputs, client.inspect_container(identity))


def update(engine: Engine, identity: str, old_outputs: Bag, inputs: Bag) -> Bag:
    """Change the restart policy, and start a container that stopped but must run."""
    with engine.client() as client:
        if inputs.get("mustRun", True) and not old_outputs.get("mustRun", True) and inputs.get("start", True):
            client.start(identity)
        if inputs.get("restart") != old_outputs.get("restart"):
            client.update_container(identity, restart_policy=_restart_policy(inputs))
        return outputs(inputs, client.inspect_container(identity))


def read(engine: Engine, identity: str, inputs: Bag) -> tuple[str, Bag, Bag] | None:
    """What the engine has; None for a container that is gone."""
    from docker.errors import NotFound

    with engine.client() as client:
        try:
            seen = client.inspect_container(identity)
        except NotFound:
            return None
    known = inputs or {"image": seen["Config"]["Image"], "name": seen["Name"].lstrip("/")}
    live = outputs(known, seen)
    return seen["Id"], _drifted(known, live), live


def delete(engine: Engine, identity: str, state: Bag) -> None:
    """Stop it at once and remove it with its anonymous volumes."""
    from docker.errors import APIError, NotFound

    with engine.client() as client:
        try:
            client.stop(identity, timeout=0)
            client.remove_container(identity, v=state.get("removeVolumes", True), force=True)
        except NotFound:
            return
        except APIError as error:
            if "already in progress" not in str(error):
                raise
        _wait_until_gone(client, identity)


def outputs(inputs: Bag, seen: dict[str, Any]) -> Bag:
    """Inputs completed from the engine's answer; a stopped container that must run has `mustRun: false`."""
    config, host, state = seen["Config"], seen["HostConfig"], seen["State"]
    running = state["Running"]
    found = {
        **inputs,
        "name": seen["Name"].lstrip("/"),
        "image": seen["Image"] if str(inputs.get("image", "")).startswith("sha256:") else config["Image"],
        "hostname": config["Hostname"],
        "command": config.get("Cmd") or [],
        "entrypoints": config.get("Entrypoint") or [],
        "envs": inputs.get("envs", []),
        "labels": inputs.get("labels", []),
        "restart": host["RestartPolicy"]["Name"] or "no",
        "networkMode": host["NetworkMode"],
        "mustRun": inputs.get("mustRun", True) and running,
    }
    if not running:
        found["exitCode"] = state["ExitCode"]
    return found


def _creation_body(inputs: Bag) -> dict[str, Any]:
    """The body of the engine's create call."""
    ports, volumes = inputs.get("ports", []), inputs.get("volumes", [])
    return {
        "Image": inputs["image"],
        "Cmd": inputs.get("command"),
        "Env": inputs.get("envs", []),
        "Labels": labels(inputs.get("labels", [])),
        "ExposedPorts": {_port_key(port): {} for port in ports},
        "Volumes": {volume["containerPath"]: {} for volume in volumes},
        "HostConfig": {
            "RestartPolicy": _restart_policy(inputs),
            "NetworkMode": inputs.get("networkMode"),
            "PortBindings": _bindings(ports),
            "Binds": [_bind(volume) for volume in volumes],
            "Init": False,
        },
    }


def _restart_policy(inputs: Bag) -> dict[str, Any]:
    return {"Name": inputs.get("restart", "no"), "MaximumRetryCount": 0}


def _port_key(port: Bag) -> str:
    return f"{port['internal']}/{port.get('protocol', 'tcp')}"


def _bindings(ports: Iterable[Bag]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        binding = {"HostIp": port.get("ip", "0.0.0.0"), "HostPort": str(port.get("external") or "")}
        bindings.setdefault(_port_key(port), []).append(binding)
    return bindings


def _bind(volume: Bag) -> str:
    return f"{volume['volumeName']}:{volume['containerPath']}:{'ro' if volume.get('readOnly') else 'rw'}"


def _bring_up(engine: Engine, client: Client, identity: str, wanted: Bag) -> None:
    """Copy files, start, and wait for health."""
    for upload in wanted.get("uploads", []):
        client.put_archive(identity, "/", _archive(upload["file"], upload["content"].encode()))
    if not wanted.get("start", True):
        return
    try:
        client.start(identity)
    except Exception as error:
        raise ProviderError(f"Unable to start container: {_why(error)}") from error
    if wanted.get("wait"):
        _wait_healthy(engine, client, identity, wanted.get("waitTimeout", 60))


def _archive(path: str, content: bytes) -> bytes:
    """A tar archive with one file."""
    info = tarfile.TarInfo(path.lstrip("/"))
    info.size, info.mode, info.mtime = len(content), _FILE_MODE, int(time.time())
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(info, io.BytesIO(content))
    return archive.getvalue()


def _drifted(inputs: Bag, live: Bag) -> Bag:
    """Inputs as a refresh corrects them: those that were set, where the engine's answer can be compared."""
    compared = ("mustRun", "image", "restart", "name", "networkMode", "command")
    changed = {key: live[key] for key in compared if key in inputs and inputs[key] != live[key]}
    return {**inputs, **changed}


def _wait_healthy(engine: Engine, client: Client, identity: str, seconds: int) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        health = client.inspect_container(identity)["State"].get("Health")
        if not health:
            raise ProviderError("`wait` is set, but the image has no health check: add a HEALTHCHECK to its Dockerfile")
        if health["Status"] == "healthy":
            return
        if engine.cancelled.wait(0.25):
            raise ProviderError("stopped while waiting for the container to become healthy")
    last = (health.get("Log") or [{}])[-1].get("Output", "").strip()
    raise ProviderError(f"container failed to be in healthy state: {last or health['Status']}")


def _wait_until_gone(client: Client, identity: str) -> None:
    from docker.errors import NotFound

    try:
        while True:
            client.inspect_container(identity)
            time.sleep(0.1)
    except NotFound:
        return


def _why(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)
