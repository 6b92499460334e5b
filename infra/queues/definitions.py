"""Kueue's CustomResourceDefinitions, those that its controller needs here.

`crds/` is generated: `python -m infra.queues.definitions` reads the Go module of images/kueue, whose version it must
have. Left out are descriptions, nine tenths of the text, which every update would write to the state, and versions
other than the one that is stored: without them the API server never asks the controller to convert an object, so
objects can be read while it is down.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import yaml

from infra.queues.manifest import Manifest

_MODULE = "sigs.k8s.io/kueue"
_SOURCE = Path("config/components/crd/bases")
_FOLDER = Path(__file__).parent / "crds"
_GROUP = "kueue.x-k8s.io"
_CONVERTED = ("clusterqueues", "cohorts", "localqueues", "workloads")
"""The controller writes its certificate into these definitions, and does not start where it can't."""
_KINDS = ("admissionchecks", *_CONVERTED, "resourceflavors", "workloadpriorityclasses")

CONVERTED = tuple(f"{kind}.{_GROUP}" for kind in _CONVERTED)

Schema = Mapping[str, Any]


def definitions(webhook: Schema, opts: pulumi.ResourceOptions) -> Sequence[pulumi.Resource]:
    """All of them; `webhook` is the Service of the controller."""
    return [Manifest(manifest["metadata"]["name"], manifest, opts) for manifest in manifests(webhook)]


def manifests(webhook: Schema) -> list[Schema]:
    """As they are applied."""
    return [_served_by(json.loads((_FOLDER / f"{kind}.json").read_text()), kind, webhook) for kind in _KINDS]


def _served_by(manifest: dict[str, Any], kind: str, webhook: Schema) -> Schema:
    if kind in _CONVERTED:
        client = {"service": {**webhook, "path": "/convert"}}
        hook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
        manifest["spec"]["conversion"] = {"strategy": "Webhook", "webhook": hook}
    return manifest


def _generated(definition: Schema) -> Schema:
    kept = [version for version in definition["spec"]["versions"] if version["storage"]]
    spec = {**definition["spec"], "versions": kept}
    metadata = {"name": definition["metadata"]["name"]}
    return {**{key: definition[key] for key in ("apiVersion", "kind")}, "metadata": metadata, "spec": _bare(spec)}


def _bare(value: Any, named: bool = False) -> Any:
    """Without descriptions; `named`: the keys are names of properties, of which one may be `description`."""
    if isinstance(value, Mapping):
        kept = {key: each for key, each in value.items() if named or key != "description"}
        return {key: _bare(each, not named and key == "properties") for key, each in kept.items()}
    return [_bare(each) for each in value] if isinstance(value, list) else value


def _main() -> None:
    image = Path(__file__).parents[2] / "images" / "kueue"
    command = ["go", "list", "-m", "-f", "{{.Dir}}", _MODULE]
    module = subprocess.run(command, cwd=image, check=True, capture_output=True, text=True).stdout.strip()
    for kind in _KINDS:
        source = yaml.safe_load((Path(module) / _SOURCE / f"{_GROUP}_{kind}.yaml").read_text())
        (_FOLDER / f"{kind}.json").write_text(json.dumps(_generated(source), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    _main()
