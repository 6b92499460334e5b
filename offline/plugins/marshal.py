"""Pulumi property bags as plain Python: dicts, lists, strings, numbers, with `Secret(value)` and `UNKNOWN` as leaves.

Whole numbers arrive as `int`. Nulls in objects are dropped, as official plugins do. Assets and archives are `Asset`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from common.pulumi import SECRET, SIGNATURE, UNKNOWN_TEXT, UNKNOWN_TEXTS

OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"

Bag = dict[str, Any]


@dataclass(frozen=True)
class Secret:
    """A secret value: encrypted in the state, masked in output and in its repr."""

    value: Any = field(repr=False)


class Unknown:
    """A value that is known only after an update; the one instance is `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Asset:
    """A Pulumi asset or archive, unchanged."""

    signature: str
    fields: Mapping[str, Any]


def decode(bag: Struct | None) -> Bag:
    """A property bag as Python values."""
    fields = {} if bag is None else bag.fields
    return {key: _decode_value(value) for key, value in fields.items() if value.WhichOneof("kind") != "null_value"}


def _decode_value(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value in UNKNOWN_TEXTS else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_decode_value(item) for item in value.list_value.values]
        case "struct_value":
            return _decode_object(value.struct_value)
        case _:
            return None


def _decode_object(struct: Struct) -> Any:
    fields = decode(struct)
    match fields.get(SIGNATURE):
        case None:
            return fields
        case s if s == SECRET:
            return Secret(fields.get("value"))
        case s if s == OUTPUT:
            value = fields.get("value", UNKNOWN)
            return Secret(value) if fields.get("secret") else value
        case s if s == REFERENCE:
            return fields.get("id") or fields.get("urn")
        case signature:
            return Asset(signature, {key: item for key, item in fields.items() if key != SIGNATURE})


def encode(bag: Mapping[str, Any]) -> Struct:
    """Python values as a property bag."""
    struct = Struct()
    for key, value in bag.items():
        _encode_value(value, struct.fields[key])
    return struct


def _encode_value(value: Any, into: Value) -> None:
    match value:
        case None:
            into.null_value = 0  # type: ignore[assignment]
        case bool():
            into.bool_value = value
        case str():
            into.string_value = value
        case int() | float():
            into.number_value = value
        case Unknown():
            into.string_value = UNKNOWN_TEXT
        case Secret():
            into.struct_value.CopyFrom(encode({SIGNATURE: SECRET, "value": value.value}))
        case Asset():
            into.struct_value.CopyFrom(encode({SIGNATURE: value.signature, **value.fields}))
        case Mapping():
            into.struct_value.SetInParent()
            for key, item in value.items():
                _encode_value(item, into.struct_value.fields[str(key)])
        case list() | tuple():
            into.list_value.CopyFrom(ListValue())
            for item in value:
                _encode_value(item, into.list_value.values.add())
        case _:
            raise TypeError(f"a property can't be a {type(value).__name__}")


def reveal(tree: Any) -> Any:
    """The tree with every `Secret` replaced by its value."""
    match tree:
        case Secret():
            return reveal(tree.value)
        case dict():
            return {key: reveal(item) for key, item in tree.items()}
        case list():
            return [reveal(item) for item in tree]
        case _:
            return tree


def has_unknown(tree: Any) -> bool:
    """Whether the tree contains an unknown value."""
    match tree:
        case Unknown():
            return True
        case Secret():
            return has_unknown(tree.value)
        case dict():
            return any(has_unknown(item) for item in tree.values())
        case list():
            return any(has_unknown(item) for item in tree)
        case _:
            return False
