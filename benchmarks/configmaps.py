"""How fast the kubernetes plugin is: some hundred ConfigMaps through the engine, beside the same through kubectl.

    KUBECONFIG=... python -m benchmarks.configmaps [--count 300]

The namespace and everything in it are removed at the end.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from tests.pulumi_engine import Pulumi

PROGRAM = """
import os, pulumi, pulumi_kubernetes as k8s
opts = pulumi.ResourceOptions(provider=k8s.Provider("cluster", kubeconfig=os.environ["KUBECONFIG"]))
for i in range({count}):
    metadata = {{"name": f"engine-{{i}}", "namespace": "{namespace}"}}
    k8s.core.v1.ConfigMap(f"c{{i}}", metadata=metadata, data={{"number": str(i)}}, opts=opts)
"""


def manifests(count: int, namespace: str) -> str:
    """The same objects under other names, as kubectl reads them."""
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"ctl-{i}", "namespace": namespace}}
        for i in range(count)
    ]
    return "\n---\n".join(json.dumps({**thing, "data": {"number": str(i)}}) for i, thing in enumerate(objects))


def timed(what: str, work: Callable[[], object]) -> float:
    """Runs, reports and returns the seconds that it took."""
    started = time.monotonic()
    work()
    took = time.monotonic() - started
    print(f"{what:<32}{took:7.1f} s", flush=True)
    return took


def kubectl(*arguments: str) -> None:
    """One command, silent unless it fails."""
    subprocess.run(["kubectl", *arguments], check=True, stdout=subprocess.DEVNULL)


def compare(count: int, folder: Path) -> None:
    """Create, leave alone, delete: by the engine and by kubectl."""
    namespace = f"benchmark-{uuid4().hex[:6]}"
    file = folder / "configmaps.yaml"
    file.write_text(manifests(count, namespace))
    kubectl("create", "namespace", namespace)
    try:
        with Pulumi(folder) as pulumi:
            pulumi.program(PROGRAM.format(count=count, namespace=namespace))
            create = timed("pulumi up, create", pulumi.up)
            timed("pulumi up, no change", pulumi.up)
            timed("pulumi preview, no change", pulumi.preview)
            destroy = timed("pulumi destroy", pulumi.destroy)
        apply = timed("kubectl apply", lambda: kubectl("apply", "-f", str(file)))
        timed("kubectl apply, no change", lambda: kubectl("apply", "-f", str(file)))
        delete = timed("kubectl delete", lambda: kubectl("delete", "-f", str(file)))
        print(f"ratio to kubectl: create {create / apply:.1f}, delete {destroy / delete:.1f}")
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    with TemporaryDirectory() as folder:
        compare(parser.parse_args().count, Path(folder))


if __name__ == "__main__":
    main()
