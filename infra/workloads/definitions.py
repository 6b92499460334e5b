"""CustomResourceDefinitions of controllers that are built from their Go modules, and the objects that these define.

A definition is a file that is generated from the module whose version an image has. Left out are descriptions, nine
tenths of the text, versions other than the one that is stored, and what a pod may have, which Kubernetes checks when
its Job is created: an update writes the state twice for each resource, and the definitions with it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import yaml

Schema = Mapping[str, Any]
_IMAGES = Path(__file__).parents[2] / "images"
_SOURCE = Path("config/components/crd/bases")
_REQUIRED_OF_A_POD = ["containers"]
"""By which the schema of a pod's spec is found."""
_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_ANNOTATIONS = ("api-approved.kubernetes.io", "gateway.networking.k8s.io/bundle-version", "/channel")
"""Without the first, the API server refuses definitions of Kubernetes' own groups."""


class Manifest(pulumi.CustomResource):
    """An object as the API server has it, of a kind that the SDK has no class for or one with other names."""

    def __init__(self, name: str, manifest: Schema, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"kubernetes:{manifest['apiVersion']}:{manifest['kind']}", name, dict(manifest), opts)


def generate(image: str, module: str, files: Mapping[str, Path], source: Path = _SOURCE) -> None:
    """Writes `files`, by the name of the definition in the folder `source` of a module that the image is built from."""
    command = ["go", "list", "-m", "-f", "{{.Dir}}", module]
    answer = subprocess.run(command, cwd=_IMAGES / image, check=True, capture_output=True, text=True)
    for name, file in files.items():
        definition = yaml.safe_load((Path(answer.stdout.strip()) / source / f"{name}.yaml").read_text())
        file.write_text(json.dumps(_generated(definition), separators=(",", ":")) + "\n")


def _generated(definition: Schema) -> Schema:
    kept = [version for version in definition["spec"]["versions"] if version["storage"]]
    spec = {**definition["spec"], "versions": kept}
    approved = {
        key: value for key, value in definition["metadata"].get("annotations", {}).items() if key.endswith(_ANNOTATIONS)
    }
    metadata = {"name": definition["metadata"]["name"], **({"annotations": approved} if approved else {})}
    return {**{key: definition[key] for key in ("apiVersion", "kind")}, "metadata": metadata, "spec": _bare(spec)}


def _bare(value: Any, named: bool = False) -> Any:
    """Without descriptions; `named`: the keys are names of properties, of which one may be `description`."""
    if isinstance(value, Mapping):
        if value.get("required") == _REQUIRED_OF_A_POD:
            return _ANYTHING
        kept = {key: each for key, each in value.items() if named or key != "description"}
        return {key: _bare(each, not named and key == "properties") for key, each in kept.items()}
    return [_bare(each) for each in value] if isinstance(value, list) else value
