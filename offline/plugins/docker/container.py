"""`docker:index/container:Container`: created, connected, filled, started; and all that in reverse."""

from __future__ import annotations

import base64
import io
import tarfile
import time
from pathlib import Path

from offline.plugins.docker.container_spec import MIB, creation_body, restart_policy
from offline.plugins.docker.container_state import drifted, outputs
from offline.plugins.docker.engine import Client, Engine
from offline.plugins.docker.progress import Say
from offline.plugins.docker.remote_image import find_image
from offline.plugins.marshal import Bag
from offline.plugins.provider import ProviderError

_UPDATED_IN_PLACE = frozenset(
    {"restart", "maxRetryCount", "cpuShares", "memory", "memoryReservation", "cpuSet", "memorySwap"}
)


def create(engine: Engine, inputs: Bag, say: Say) -> tuple[str, Bag]:
    """Make and start it; one that fails half-way is taken away again, so that the next attempt finds its name free."""
    with engine.client() as client:
        find_image(engine, client, inputs["image"], inputs.get("platform"), say)
        try:
            made = client.create_container_from_config(creation_body(inputs), inputs["name"], inputs.get("platform"))
        except Exception as error:
            raise ProviderError(f"Unable to create container: {_why(error)}") from error
        identity: str = made["Id"]
        try:
            logs = _bring_up(engine, client, identity, inputs)
        except BaseException:
            client.remove_container(identity, v=True, force=True)
            raise
        return identity, outputs(inputs, client.inspect_container(identity), logs)


def update(engine: Engine, identity: str, old_outputs: Bag, inputs: Bag) -> Bag:
    """Change what the engine can change in a running container, and start one that stopped but must run."""
    with engine.client() as client:
        if inputs.get("mustRun", True) and not old_outputs.get("mustRun", True) and inputs.get("start", True):
            client.start(identity)
        if any(inputs.get(key) != old_outputs.get(key) for key in _UPDATED_IN_PLACE):
            swap = inputs.get("memorySwap", 0)
            client.update_container(
                identity,
                cpu_shares=inputs.get("cpuShares"),
                cpuset_cpus=inputs.get("cpuSet"),
                mem_limit=inputs.get("memory", 0) * MIB,
                mem_reservation=inputs.get("memoryReservation", 0) * MIB,
                memswap_limit=(swap * MIB if swap > 0 else swap) or None,
                restart_policy=restart_policy(inputs),
            )
        return outputs(inputs, client.inspect_container(identity))


def read(engine: Engine, identity: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
    from docker.errors import NotFound

    with engine.client() as client:
        try:
            seen = client.inspect_container(identity)
        except NotFound:
            return None
    known = inputs or {"image": seen["Config"]["Image"], "name": seen["Name"].lstrip("/")}
    live = outputs(known, seen, state.get("containerLogs"))
    return seen["Id"], drifted(known, live), live


def delete(engine: Engine, identity: str, state: Bag) -> None:
    """Stop it (at once, unless it was given grace) and remove it with its anonymous volumes."""
    from docker.errors import APIError, NotFound

    with engine.client() as client:
        try:
            if not state.get("attach"):
                client.stop(identity, timeout=state.get("destroyGraceSeconds", 0))
            client.remove_container(identity, v=state.get("removeVolumes", True), force=True)
        except NotFound:
            return
        except APIError as error:
            if "already in progress" not in str(error):
                raise
        _wait_until_gone(client, identity)


def _bring_up(engine: Engine, client: Client, identity: str, wanted: Bag) -> str | None:
    """Networks, files, start, health, and what `attach` printed."""
    if wanted.get("networksAdvanced"):
        _connect(client, identity, wanted["networksAdvanced"])
    for upload in wanted.get("uploads", []):
        client.put_archive(identity, "/", _upload(upload))
    if not wanted.get("start", True):
        return None
    try:
        client.start(identity)
    except Exception as error:
        raise ProviderError(f"Unable to start container: {_why(error)}") from error
    if wanted.get("wait"):
        _wait_healthy(engine, client, identity, wanted.get("waitTimeout", 60))
    if not wanted.get("attach"):
        return None
    client.wait(identity)
    return str(client.logs(identity).decode(errors="replace")) if wanted.get("logs") else None


def _connect(client: Client, identity: str, networks: list[Bag]) -> None:
    from docker.errors import APIError

    try:
        client.disconnect_container_from_network(identity, "bridge")
    except APIError as error:
        if "is not connected to" not in str(error):
            raise ProviderError(f"Unable to disconnect the default network: {_why(error)}") from error
    for network in networks:
        try:
            client.connect_container_to_network(
                identity,
                network["name"],
                ipv4_address=network.get("ipv4Address"),
                ipv6_address=network.get("ipv6Address"),
                aliases=network.get("aliases"),
                link_local_ips=network.get("linkLocalIps"),
                driver_opt=dict(option.split("=", 1) for option in network.get("driverOpts", [])) or None,
                mac_address=network.get("macAddress"),
            )
        except APIError as error:
            raise ProviderError(f"Unable to connect to network '{network['name']}': {_why(error)}") from error


def _upload(upload: Bag) -> bytes:
    content = _content(upload)
    mode = int(upload["permissions"], 8) if upload.get("permissions") else 0o744 if upload.get("executable") else 0o644
    info = tarfile.TarInfo(upload["file"].lstrip("/"))
    info.size, info.mode, info.mtime = len(content), mode, int(time.time())
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(info, io.BytesIO(content))
    return archive.getvalue()


def _content(upload: Bag) -> bytes:
    given = [key for key in ("content", "contentBase64", "source") if upload.get(key)]
    if len(given) != 1:
        problem = "one of 'content', 'contentBase64', or 'source' must be set"
        problem = problem if not given else "only " + problem.replace("must", "can")
        raise ProviderError(f"error with upload content: {problem}")
    value = upload[given[0]]
    if given[0] == "content":
        return str(value).encode()
    return base64.b64decode(value) if given[0] == "contentBase64" else Path(value).read_bytes()


def _wait_healthy(engine: Engine, client: Client, identity: str, seconds: int) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        health = client.inspect_container(identity)["State"].get("Health")
        if not health:
            raise ProviderError(
                "you have supplied a 'wait' argument, but the container does not have a healthcheck defined. "
                "Please remove the 'wait' argument or add a 'healthcheck' attribute"
            )
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
