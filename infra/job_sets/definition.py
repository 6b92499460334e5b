"""The CustomResourceDefinition of JobSet: `python -m infra.job_sets.definition` generates the file."""

from __future__ import annotations

from pathlib import Path

from infra.workloads.definitions import generate

DEFINITION = Path(__file__).with_name("jobsets.json")

if __name__ == "__main__":
    generate("jobset", "sigs.k8s.io/jobset", {"jobset.x-k8s.io_jobsets": DEFINITION})
