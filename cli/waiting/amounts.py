"""Amounts of resources, by name, in the units of Kubernetes: cores, bytes, and pieces of anything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from infra.declaration.pool_nodes import GPU

Amounts = Mapping[str, Decimal]
_UNITS = (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))
_FIRST = (GPU, "cpu", "memory")
_WORDS = {"cpu": "CPU", GPU: "GPU", "pods": "pod"}


def parsed(quantities: Mapping[str, Any] | None) -> dict[str, Decimal]:
    """Of a Kubernetes object, such as `{"cpu": "100m"}`."""
    return {name: parse_quantity(value) for name, value in (quantities or {}).items()}


def total(each: Iterable[Amounts]) -> dict[str, Decimal]:
    """The sum of all."""
    found: dict[str, Decimal] = {}
    for amounts in each:
        for name, amount in amounts.items():
            found[name] = found.get(name, Decimal(0)) + amount
    return found


def times(amounts: Amounts, count: int) -> dict[str, Decimal]:
    return {name: amount * count for name, amount in amounts.items()}


def of_pod(spec: Mapping[str, Any]) -> dict[str, Decimal]:
    """What the scheduler counts for a pod: its containers together, or its largest init container if that is more.

    An init container that restarts always (a sidecar) runs on beside those after it, and beside the containers.
    https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
    """
    sidecars: dict[str, Decimal] = {}
    starting: dict[str, Decimal] = {}
    for each in spec.get("initContainers", []):
        together = total([sidecars, _requests(each)])
        starting = _larger(starting, together)
        sidecars = together if each.get("restartPolicy") == "Always" else sidecars
    running = total([sidecars, *(_requests(each) for each in spec["containers"])])
    return total([_larger(running, starting), parsed(spec.get("overhead")), {"pods": Decimal(1)}])


def _larger(one: Amounts, other: Amounts) -> dict[str, Decimal]:
    """Of each resource."""
    return {name: max(one.get(name, Decimal(0)), other.get(name, Decimal(0))) for name in {**one, **other}}


def _requests(container: Mapping[str, Any]) -> dict[str, Decimal]:
    resources = container.get("resources") or {}
    return parsed({**(resources.get("limits") or {}), **(resources.get("requests") or {})})


def lacking(wanted: Amounts, room: Amounts) -> dict[str, Decimal]:
    """What of it is more than there is room for; a resource that `room` does not name has none."""
    return {name: amount for name, amount in wanted.items() if amount > room.get(name, Decimal(0))}


def first(names: Iterable[str]) -> str:
    """The resource that people ask about first."""
    return min(names, key=_order)


def _order(name: str) -> tuple[int, str]:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST), name


def text(amounts: Amounts) -> str:
    """For people, the scarcest first: `8 GPUs, 12 CPUs, 64Gi memory`; nothing of what is zero."""
    return ", ".join(one(name, amounts[name]) for name in sorted(amounts, key=_order) if amounts[name]) or "nothing"


def one(name: str, amount: Decimal) -> str:
    if name in ("memory", "ephemeral-storage") or name.startswith("hugepages-"):
        return f"{_bytes(amount)} {name}"
    return f"{plain(amount)} {_WORDS.get(name, name)}{'s' if name in _WORDS and amount != 1 else ''}"


def _bytes(amount: Decimal) -> str:
    for unit, size in _UNITS:
        if abs(amount) >= size:
            return f"{plain(round(amount / size, 1))}{unit}"
    return plain(amount)


def numbers(amounts: Amounts) -> dict[str, float]:
    """For programs."""
    return {name: float(amount) for name, amount in amounts.items()}


def plain(amount: Decimal) -> str:
    """Without zeros after the point, and without an exponent."""
    written = f"{amount:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written
