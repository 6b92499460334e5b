"""What the state keeps of an object: the live object, the inputs it was made from, and who manages its fields."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from offline.plugins.marshal import Bag, reveal

from .objects import Json, Manifest, annotation, with_secrets

_INPUTS, _API_VERSION, _MANAGER = "__inputs", "__initialApiVersion", "__fieldManager"

# SDKs can't have dashes in property names; only CustomResourceDefinitions contain such fields.
_DASHED = {
    name.replace("-", "_"): name
    for name in (
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    )
}
_UNDERSCORED = {dashed: name for name, dashed in _DASHED.items()}


class Saved(NamedTuple):
    """The state of one resource, secrets revealed."""

    live: Manifest
    inputs: Manifest
    api_version: str
    manager: str


def manifest_of(bag: Bag) -> Manifest:
    """Inputs as the API server wants them; unknown values stay in place."""
    plain: Manifest = reveal(bag)
    renamed: Manifest = _rename(plain, _DASHED) if plain.get("kind") == "CustomResourceDefinition" else plain
    return renamed


def bag_of(manifest: Manifest, like: Bag) -> Bag:
    """The reverse, with the secrets of `like`."""
    is_definition = manifest.get("kind") == "CustomResourceDefinition"
    return with_secrets(_rename(manifest, _UNDERSCORED) if is_definition else manifest, like)


def _rename(tree: Json, names: dict[str, str]) -> Json:
    if isinstance(tree, dict):
        return {names.get(key, key): _rename(value, names) for key, value in tree.items()}
    return [_rename(value, names) for value in tree] if isinstance(tree, list) else tree


def save(live: Manifest, inputs: Manifest, like: Bag, api_version: str, manager: str) -> Bag:
    """The outputs of a resource."""
    return {
        **bag_of(live, like),
        _INPUTS: bag_of(inputs, like),
        _API_VERSION: api_version,
        _MANAGER: manager,
    }


def load(outputs: Bag, inputs: Bag | None = None) -> Saved:
    """What `save` kept. `inputs` stand in where the state has none of its own."""
    kept = reveal(outputs.get(_INPUTS))
    old_inputs = manifest_of(kept if isinstance(kept, dict) else inputs or {})
    live = manifest_of({key: value for key, value in outputs.items() if key not in (_INPUTS, _API_VERSION, _MANAGER)})
    api_version = outputs.get(_API_VERSION) or old_inputs.get("apiVersion", "")
    return Saved(live, old_inputs, str(api_version), str(outputs.get(_MANAGER) or ""))


def manager_for(inputs: Manifest, saved: Saved | None, server_side_apply: bool) -> str:
    """Who owns the object's fields: a name of its own for each resource, so that two programs never share one."""
    if not server_side_apply:
        return "pulumi-kubernetes"
    chosen = annotation(inputs, "pulumi.com/patchFieldManager") or (saved.manager if saved else "")
    return chosen or f"pulumi-kubernetes-{secrets.token_hex(4)}"
