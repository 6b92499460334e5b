"""`docker:index/network:Network`."""

from __future__ import annotations

from typing import Any

from offline.plugins.docker.container_spec import labels
from offline.plugins.docker.engine import Engine
from offline.plugins.docker.progress import Say
from offline.plugins.docker.removal import remove_when_free
from offline.plugins.marshal import Bag

_POOL_FIELDS = {"subnet": "Subnet", "ipRange": "IPRange", "gateway": "Gateway", "auxAddress": "AuxiliaryAddresses"}


def create(engine: Engine, inputs: Bag, say: Say) -> tuple[str, Bag]:
    from docker.types import IPAMConfig, IPAMPool

    pools = [
        IPAMPool(pool.get("subnet"), pool.get("ipRange"), pool.get("gateway"), pool.get("auxAddress"))
        for pool in inputs.get("ipamConfigs", [])
    ]
    ipam = IPAMConfig(inputs.get("ipamDriver", "default"), pools, inputs.get("ipamOptions"))
    with engine.client() as client:
        made = client.create_network(
            inputs["name"],
            driver=inputs.get("driver"),
            options=inputs.get("options"),
            ipam=ipam,
            check_duplicate=True,
            internal=inputs.get("internal", False),
            labels=labels(inputs.get("labels", [])) or None,
            enable_ipv6=inputs.get("ipv6", False),
            attachable=inputs.get("attachable"),
            ingress=inputs.get("ingress"),
        )
        return made["Id"], _network(inputs, client.inspect_network(made["Id"]))


def read(engine: Engine, identity: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
    from docker.errors import NotFound

    with engine.client() as client:
        try:
            seen = client.inspect_network(identity)
        except NotFound:
            return None
    known = inputs or {"name": seen["Name"]}
    return seen["Id"], known, _network(known, seen)


def delete(engine: Engine, identity: str, state: Bag) -> None:
    """Remove it, as soon as the last container has left."""
    with engine.client() as client:
        remove_when_free("network", identity, client.remove_network, "has active endpoints")


def _network(inputs: Bag, seen: dict[str, Any]) -> Bag:
    pools = [
        {key: pool[name] for key, name in _POOL_FIELDS.items() if pool.get(name)}
        for pool in seen["IPAM"].get("Config") or []
    ]
    return {
        **inputs,
        "name": seen["Name"],
        "driver": seen["Driver"],
        "internal": seen["Internal"],
        "attachable": seen["Attachable"],
        "ingress": seen["Ingress"],
        "ipv6": seen["EnableIPv6"],
        "ipamDriver": seen["IPAM"]["Driver"],
        "ipamConfigs": pools,
        "options": seen["Options"] or {},
        "scope": seen["Scope"],
    }
