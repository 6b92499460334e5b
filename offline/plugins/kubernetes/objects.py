"""Manifests as plain dicts: names, annotations, and the normal forms in which inputs and live objects are compared."""

from __future__ import annotations

import base64
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from offline.plugins.marshal import Secret, has_secret, reveal

from .kinds import GVK

Json = Any  # whatever a manifest can hold
Manifest = dict[str, Any]

AUTONAMED = "pulumi.com/autonamed"
READ_ONLY_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)

# Fields whose values are maps of resource names to quantities, and fields that are one quantity themselves.
_QUANTITY_MAPS = frozenset(
    {"limits", "requests", "hard", "capacity", "allocatable", "podFixed"}
    | {"default", "defaultRequest", "min", "max", "maxLimitRequestRatio"}
)
_STRING_MAPS = frozenset(
    {"annotations", "binaryData", "data", "labels", "limits", "matchLabels", "nodeSelector", "requests"}
)
_QUANTITIES = frozenset({"sizeLimit"})
_QUANTITY = re.compile(r"^([+-]?[0-9.]+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?[0-9]+)?$")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}


def metadata(manifest: Manifest) -> Manifest:
    """The manifest's metadata, read-only; `{}` where it is missing or not known yet."""
    found = manifest.get("metadata")
    return found if isinstance(found, dict) else {}


def name_of(manifest: Manifest) -> str:
    """The object's name; empty where it has none or where it is not known yet."""
    found = metadata(manifest).get("name")
    return found if isinstance(found, str) else ""


def namespace_of(manifest: Manifest) -> str:
    """The object's namespace; empty for cluster-scoped objects."""
    found = metadata(manifest).get("namespace")
    return found if isinstance(found, str) else ""


def annotation(manifest: Manifest, key: str) -> str:
    """An annotation's value, empty where it is missing."""
    found = metadata(manifest).get("annotations")
    value = found.get(key) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""


def annotated_true(manifest: Manifest, key: str) -> bool:
    """Whether an annotation switches something on."""
    return annotation(manifest, key).lower() == "true"


def set_name(manifest: Manifest, name: str) -> None:
    """Gives the object a name of the plugin's choice and marks it so: such a name may change on replacement."""
    meta = manifest.setdefault("metadata", {})
    meta["name"] = name
    meta.setdefault("annotations", {})[AUTONAMED] = "true"


def object_id(manifest: Manifest) -> str:
    """The Pulumi ID: `namespace/name`, or `name` for cluster-scoped objects."""
    namespace = namespace_of(manifest)
    return f"{namespace}/{name_of(manifest)}" if namespace else name_of(manifest)


def display_name(manifest: Manifest) -> str:
    """The name as messages write it: the namespace only where it isn't the default one."""
    return name_of(manifest) if namespace_of(manifest) in ("", "default") else object_id(manifest)


def prune(live: Json, shape: Json) -> Json:
    """The part of a live value for which the inputs have a place: what the server added is not the user's business."""
    if isinstance(live, dict) and isinstance(shape, dict):
        return {key: prune(value, shape[key]) for key, value in live.items() if key in shape}
    if isinstance(live, list) and isinstance(shape, list):
        return [prune(value, wanted) for value, wanted in zip(live, shape, strict=False)]
    return live


def normalise(manifest: Manifest) -> Manifest:
    """A copy in the form that the server would store, so that two ways of writing one thing are not a difference."""
    result: Manifest = reveal(manifest)  # a copy: nothing of the original is changed below
    meta = result.get("metadata")
    if isinstance(meta, dict):
        for field in READ_ONLY_METADATA:
            meta.pop(field, None)
    gvk = GVK.of(result)
    if gvk.built_in and gvk.kind == "Secret":
        _encode_string_data(result)
    elif gvk.kind == "CustomResourceDefinition":
        result.pop("status", None)
    elif gvk.built_in:
        _normalise_quantities(result.get("spec"))
        _normalise_quantities(result.get("overhead"))
        _drop_empty(result)
    return result


def with_secrets(values: Manifest, like: Json) -> Manifest:
    """A copy of `values` in which all that was secret in `like` is secret too; a Secret's data always is."""
    if values.get("kind") == "Secret":
        return {key: Secret(value) if key in ("data", "stringData") else value for key, value in values.items()}
    return {key: _as_secret_as(value, like.get(key)) for key, value in values.items()}


def _as_secret_as(value: Json, like: Json) -> Json:
    if isinstance(value, dict) and isinstance(like, dict):
        return with_secrets(value, like)
    return Secret(value) if has_secret(like) and not isinstance(value, Secret) else value


def _encode_string_data(secret: Manifest) -> None:
    plain, data = secret.get("stringData"), secret.get("data", {})
    if not isinstance(plain, dict) or not isinstance(data, dict) or not plain:
        return
    if not all(isinstance(value, str) for value in plain.values()):
        return  # a value that is not known yet can't be encoded
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
    secret["data"] = {**data, **encoded}
    del secret["stringData"]


def _normalise_quantities(value: Json) -> None:
    """Rewrites quantities in place, wherever a built-in kind has them."""
    if isinstance(value, list):
        for element in value:
            _normalise_quantities(element)
    if not isinstance(value, dict):
        return
    for key, child in value.items():
        if key in _QUANTITY_MAPS and isinstance(child, dict):
            value[key] = {name: quantity(amount) for name, amount in child.items()}
        elif key in _QUANTITIES:
            value[key] = quantity(child)
        else:
            _normalise_quantities(child)


def _drop_empty(value: Json) -> None:
    """Drops, in place, what the server doesn't store: empty lists and maps of strings (`emptyDir: {}` is none)."""
    if isinstance(value, list):
        for element in value:
            _drop_empty(element)
    if not isinstance(value, dict):
        return
    for key in [key for key, child in value.items() if child == [] or (child == {} and key in _STRING_MAPS)]:
        del value[key]
    for child in value.values():
        _drop_empty(child)


def quantity(value: Json) -> Json:
    """The canonical form of a quantity: `0.5` is `500m`, `1024Mi` is `1Gi`. What isn't one comes back unchanged."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    match = _QUANTITY.match(str(value))
    try:
        number = Decimal(match[1]) if match else None
    except InvalidOperation:
        number = None
    if match is None or number is None:
        return value
    suffix = match[2] or ""
    if suffix in _BINARY[1:]:
        return _binary(number * 1024 ** _BINARY.index(suffix))
    exponent = int(suffix[1:]) if suffix[:1] in "eE" and len(suffix) > 1 else None
    if exponent is not None:
        return value
    power = next(power for power, name in _DECIMAL.items() if name == suffix)
    return _decimal(number.scaleb(power))


def _binary(amount: Decimal) -> str:
    if amount != amount.to_integral_value() or abs(amount) < 1024:
        return _decimal(amount)
    whole, index = int(amount), 0
    while whole and whole % 1024 == 0 and index < len(_BINARY) - 1:
        whole, index = whole // 1024, index + 1
    return f"{whole}{_BINARY[index]}"


def _decimal(amount: Decimal) -> str:
    if not amount:
        return "0"
    for power in sorted(_DECIMAL, reverse=True):
        scaled = amount.scaleb(-power)
        if scaled == scaled.to_integral_value():
            return f"{int(scaled)}{_DECIMAL[power]}"
    return str(amount)
