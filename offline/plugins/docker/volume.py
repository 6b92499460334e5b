"""`docker:index/volume:Volume`."""

from __future__ import annotations

import time
from typing import Any

from offline.plugins.docker.engine import Engine
from offline.plugins.docker.inputs import labels
from offline.plugins.marshal import Bag
from offline.plugins.provider import ProviderError

_REMOVAL_SECONDS = 30
"""How long a volume may stay in use by a container that is being removed."""


def create(engine: Engine, inputs: Bag) -> tuple[str, Bag]:
    with engine.client() as client:
        made = client.create_volume(inputs["name"], labels=labels(inputs.get("labels", [])) or None)
        return made["Name"], _volume(inputs, made)


def read(engine: Engine, identity: str, inputs: Bag) -> tuple[str, Bag, Bag] | None:
    """What the engine has; None for a volume that is gone."""
    from docker.errors import NotFound

    with engine.client() as client:
        try:
            seen = client.inspect_volume(identity)
        except NotFound:
            return None
    known = inputs or {"name": seen["Name"]}
    return seen["Name"], known, _volume(known, seen)


def delete(engine: Engine, identity: str, state: Bag) -> None:
    """Remove it with its data, as soon as no container uses it."""
    from docker.errors import APIError, NotFound

    deadline = time.monotonic() + _REMOVAL_SECONDS
    with engine.client() as client:
        while True:
            try:
                client.remove_volume(identity)
                return
            except NotFound:
                return
            except APIError as error:
                if "volume is in use" not in str(error) or time.monotonic() > deadline:
                    raise ProviderError(f"volume {identity} can't be removed: {error.explanation}") from error
            time.sleep(0.5)


def _volume(inputs: Bag, seen: dict[str, Any]) -> Bag:
    return {**inputs, "name": seen["Name"], "driver": seen["Driver"], "mountpoint": seen["Mountpoint"]}
