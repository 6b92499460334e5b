"""`docker:index/volume:Volume`."""

from __future__ import annotations

from typing import Any

from offline.plugins.docker.container_spec import labels
from offline.plugins.docker.engine import Engine
from offline.plugins.docker.progress import Say
from offline.plugins.docker.removal import remove_when_free
from offline.plugins.marshal import Bag


def create(engine: Engine, inputs: Bag, say: Say) -> tuple[str, Bag]:
    with engine.client() as client:
        made = client.create_volume(
            inputs["name"],
            driver=inputs.get("driver"),
            driver_opts=inputs.get("driverOpts"),
            labels=labels(inputs.get("labels", [])) or None,
        )
        return made["Name"], _volume(inputs, made)


def read(engine: Engine, identity: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
    from docker.errors import NotFound

    with engine.client() as client:
        try:
            seen = client.inspect_volume(identity)
        except NotFound:
            return None
    known = inputs or {"name": seen["Name"]}
    return seen["Name"], known, _volume(known, seen)


def delete(engine: Engine, identity: str, state: Bag) -> None:
    """Remove it and what it holds, as soon as no container uses it."""
    with engine.client() as client:
        remove_when_free("volume", identity, client.remove_volume, "volume is in use")


def _volume(inputs: Bag, seen: dict[str, Any]) -> Bag:
    found = {"name": seen["Name"], "driver": seen["Driver"], "mountpoint": seen["Mountpoint"]}
    return {**inputs, **found, **({"driverOpts": seen["Options"]} if seen.get("Options") else {})}
