"""CustomResourceDefinitions of controllers that are built from their Go modules, and the objects that these define.

A definition is a file that is generated from the module whose version an image has. Left out are descriptions, nine
tenths of the text, versions other than the one that is stored, what a pod may have, which Kubernetes checks when its
Job is created, and what the platform does not use: an update writes the state twice for each resource, and the
definitions with it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pulumi
import yaml

Schema = Mapping[str, Any]
_IMAGES = Path(__file__).parents[2] / "images"
_SOURCE = Path("config/components/crd/bases")
_REQUIRED_OF_A_POD = ["containers"]
"""By which the schema of a pod's spec is found."""
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_RULES = "x-kubernetes-validations"
_ANNOTATIONS = ("api-approved.kubernetes.io", "gateway.networking.k8s.io/bundle-version", "/channel")
"""Without the first, the API server refuses definitions of Kubernetes' own groups."""


class Manifest(pulumi.CustomResource):
    """An object as the API server has it, of a kind that the SDK has no class for or one with other names."""

    status: pulumi.Output[Any]
    """As a controller has written it when the object was created or changed; None: not yet."""

    def __init__(self, name: str, manifest: Schema, opts: pulumi.ResourceOptions) -> None:
        type_ = f"kubernetes:{manifest['apiVersion']}:{manifest['kind']}"
        super().__init__(type_, name, {"status": None, **manifest}, opts)


def generate(
    image: str, module: str, files: Mapping[str, Path], source: Path = _SOURCE, unused: Collection[str] = ()
) -> None:
    """Writes `files`, by the name of the definition in the folder `source` of a module that the image is built from.

    Properties with a name in `unused` may have any content, and rules about them are left out.
    """
    command = ["go", "list", "-m", "-f", "{{.Dir}}", module]
    answer = subprocess.run(command, cwd=_IMAGES / image, check=True, capture_output=True, text=True)
    for name, file in files.items():
        definition = yaml.safe_load((Path(answer.stdout.strip()) / source / f"{name}.yaml").read_text())
        file.write_text(json.dumps(_generated(definition, unused), separators=(",", ":")) + "\n")


def _generated(definition: Schema, unused: Collection[str]) -> Schema:
    kept = [version for version in definition["spec"]["versions"] if version["storage"]]
    spec = {**definition["spec"], "versions": kept}
    approved = {
        key: value for key, value in definition["metadata"].get("annotations", {}).items() if key.endswith(_ANNOTATIONS)
    }
    metadata = {"name": definition["metadata"]["name"], **({"annotations": approved} if approved else {})}
    return {
        **{key: definition[key] for key in ("apiVersion", "kind")},
        "metadata": metadata,
        "spec": bare(spec, unused),
    }


def bare(value: Any, unused: Collection[str], named: bool = False) -> Any:
    """Without descriptions; `named`: the keys are names of properties, of which one may be `description`."""
    if isinstance(value, list):
        return [bare(each, unused) for each in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("required") == _REQUIRED_OF_A_POD:
        return ANYTHING
    if named:
        return {key: ANYTHING if key in unused else bare(each, unused) for key, each in value.items()}
    kept = {key: each for key, each in value.items() if key != "description"}
    if rules := kept.pop(_RULES, None):
        kept |= {_RULES: [rule for rule in rules if not any(f".{name}" in rule["rule"] for name in unused)]}
    return {key: bare(each, unused, key == "properties") for key, each in kept.items()}
