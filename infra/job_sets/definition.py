"""The CustomResourceDefinition of JobSet: `python -m infra.job_sets.definition` generates the file."""

from __future__ import annotations

import json
from pathlib import Path

import pulumi

from infra.catalogue.names import PROJECT
from infra.workloads.definitions import Manifest, generate

DEFINITION = Path(__file__).with_name("jobsets.json")


class JobSetDefinition(pulumi.ComponentResource):
    """It stays when it is deleted: another stack of the cluster may have JobSets, which would be deleted with it."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:JobSetDefinition", name, None, opts)
        manifest = json.loads(DEFINITION.read_text())
        Manifest(manifest["metadata"]["name"], manifest, pulumi.ResourceOptions(parent=self, retain_on_delete=True))
        self.register_outputs({})


if __name__ == "__main__":
    generate("jobset", "sigs.k8s.io/jobset", {"jobset.x-k8s.io_jobsets": DEFINITION})
