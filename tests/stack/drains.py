"""The drain of a node, by kubectl, as an administrator does before maintenance."""

from __future__ import annotations

import subprocess
from functools import partial

from kubernetes import client

from common import paths
from offline import go_tools
from offline.cluster.addresses import NODE_NAME
from tests.waiting import eventually

_SECONDS = 300
"""Two pods of each that are moved one after the other, each within its grace period."""


def drain_node(core: client.CoreV1Api, components: str) -> None:
    """Drain the node of pods with these values of the label app.kubernetes.io/component, separated by commas.

    There is no second node that could take their successors, so this one does, as soon as the scheduler looks for one.
    """
    selector = f"app.kubernetes.io/component in ({components})"
    before = _names(core, selector)
    options = ["--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={_SECONDS}s", f"--pod-selector={selector}"]
    kubectl = [str(go_tools.KUBERNETES.program("kubectl")), "--kubeconfig", str(paths.KUBECONFIG)]
    with subprocess.Popen([*kubectl, "drain", NODE_NAME, *options], stdout=-1, stderr=-2, text=True) as drain:
        try:
            eventually(partial(_searching, core, selector), 60, "a pod that finds no node")
        finally:
            core.patch_node(NODE_NAME, {"spec": {"unschedulable": None}})
        printed, _ = drain.communicate(timeout=_SECONDS + 60)
    assert drain.returncode == 0, printed
    assert before and not before & _names(core, selector), printed


def _names(core: client.CoreV1Api, selector: str) -> set[str]:
    return {pod.metadata.name for pod in core.list_pod_for_all_namespaces(label_selector=selector).items}


def _searching(core: client.CoreV1Api, selector: str) -> bool:
    pods = core.list_pod_for_all_namespaces(label_selector=selector).items
    return any(pod.spec.node_name is None for pod in pods)
