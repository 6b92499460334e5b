"""Labels and taints of a pool beside those that the platform sets."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.declaration.loader import declare
from infra.foundation.node_labels import node_taints
from tests.unit.declaration.samples import WHERE, in_cluster, on_aws, refusal, small

POOL = "nodePools.a10g"
GPU_TAINT = "nvidia.com/gpu=present:NoSchedule"
SET = "the platform sets it to"
RESERVED = "is reserved for Kubernetes and EKS; write another domain, or a key without one"
CONTROLLERS = "is reserved for the platform and for controllers of nodes; write another domain"


def labelled(**labels: str) -> dict[str, Any]:
    return {f"{POOL}.labels": labels}


def tainted(*taints: str) -> dict[str, Any]:
    return {f"{POOL}.taints": list(taints)}


REFUSED = [
    (small, labelled(**{"ml-platform.io/pool": "other"}), "labels.ml-platform.io/pool", f"{SET} 'a10g' on these nodes; remove it"),
    (small, labelled(**{"nvidia.com/gpu.count": "8"}), "labels.nvidia.com/gpu.count", f"{SET} '1' on these nodes; remove it"),
    (small, labelled(type="fast"), "labels.type", f"{SET} 'kwok' on these nodes; remove it"),
    (small, labelled(**{"kubernetes.io/arch": "arm64"}), "labels.kubernetes.io/arch", f"{SET} 'amd64' on these nodes; remove it"),
    (small, labelled(**{"kubernetes.io/hostname": "n"}), "labels.kubernetes.io/hostname", f"'kubernetes.io' {RESERVED}"),
    (small, labelled(**{"ml-platform.io/stack": "x"}), "labels.ml-platform.io/stack", "'ml-platform.io' is reserved for the platform; write another domain"),
    (on_aws, labelled(**{"nvidia.com/gpu.product": "NVIDIA-L4"}), "labels.nvidia.com/gpu.product", f"{SET} 'NVIDIA-A10G' on these nodes; remove it"),
    (on_aws, labelled(**{"karpenter.sh/mine": "1"}), "labels.karpenter.sh/mine", f"'karpenter.sh' {RESERVED}"),
    (on_aws, labelled(**{"node.kubernetes.io/mine": "1"}), "labels.node.kubernetes.io/mine", f"'node.kubernetes.io' {RESERVED}"),
    (small, tainted("nvidia.com/gpu=true:NoSchedule"), "taints.0", f"the platform sets {GPU_TAINT} on these nodes; remove nvidia.com/gpu=true:NoSchedule"),
    (on_aws, tainted("nvidia.com/gpu=true:NoSchedule"), "taints.0", f"the platform sets {GPU_TAINT} on these nodes; remove nvidia.com/gpu=true:NoSchedule"),
    (on_aws, tainted("ml-platform.io/pool=x:NoSchedule"), "taints.0", "the platform sets ml-platform.io/pool=a10g:NoSchedule on these nodes; remove ml-platform.io/pool=x:NoSchedule"),
    (on_aws, tainted("ml-platform.io/x:NoExecute"), "taints.0", f"'ml-platform.io' {CONTROLLERS}"),
    (on_aws, tainted("karpenter.sh/disrupted:NoSchedule"), "taints.0", f"'karpenter.sh' {CONTROLLERS}"),
    (small, tainted("node.kubernetes.io/not-ready:NoExecute"), "taints.0", f"'node.kubernetes.io' {CONTROLLERS}"),
    (small, tainted("a=1:NoSchedule", "a=2:NoSchedule"), "taints.1", "a node can't have a=2:NoSchedule beside a=1:NoSchedule; write one taint of a key and an effect"),
]  # fmt: skip


@pytest.mark.parametrize(("sample", "changes", "path", "message"), REFUSED)
def test_what_the_platform_or_a_controller_sets_is_refused(
    root: Path, sample: Any, changes: dict[str, Any], path: str, message: str
) -> None:
    assert refusal(root, sample(**changes)) == [f"{WHERE}: platform.{POOL}.{path}: {message}"]


def test_nodes_that_exist_have_one_taint_of_a_key_and_an_effect(root: Path) -> None:
    taints = {"nodePools.l4.taints": ["a=1:NoSchedule", "a=2:NoSchedule"]}
    (line,) = refusal(root, in_cluster(**taints))
    assert line.startswith(f"{WHERE}: platform.nodePools.l4.taints.1: a node can't have a=2:NoSchedule")


@pytest.mark.parametrize("sample", [small, on_aws])
def test_the_same_is_accepted_and_set_once(root: Path, sample: Any) -> None:
    own = {"ml-platform.io/pool": "a10g", "nvidia.com/gpu.product": "NVIDIA-A10G", "example.com/purpose": "training"}
    taints = [GPU_TAINT, "a=1:NoSchedule", "a=1:NoSchedule", "a=1:NoExecute"]
    pool = declare(sample(**labelled(**own), **tainted(*taints)), WHERE, root).node_pools["a10g"]
    found = [(taint.key, taint.value, taint.effect) for taint in node_taints("a10g", pool)]
    assert found == [
        ("ml-platform.io/pool", "a10g", "NoSchedule"),
        ("nvidia.com/gpu", "present", "NoSchedule"),
        ("a", "1", "NoSchedule"),
        ("a", "1", "NoExecute"),
    ]


def test_labels_and_taints_of_nodes_that_exist_are_anybodys(root: Path) -> None:
    labels = {"ml-platform.io/pool": "x", "kubernetes.io/arch": "amd64", "nvidia.com/gpu.product": "NVIDIA-L4"}
    taints = ["nvidia.com/gpu=true:NoSchedule", "node.kubernetes.io/x:NoExecute"]
    changes = {"nodePools.l4.labels": labels, "nodePools.l4.taints": taints}
    assert declare(in_cluster(**changes), WHERE, root).node_pools["l4"].labels == labels
