"""Checks, by packets, that the cluster enforces NetworkPolicies, with an image and a server of the stack's own."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from kubernetes import client

from cli.cluster_preflight.wanted import CONTEXT, Wanted
from cli.finding import Finding
from infra.catalogue.images import BASE
from infra.catalogue.names import PULL_SECRET

_SECONDS = 120
"""For the pod, whose image may have to be pulled."""
_ATTEMPT = """
import socket, sys, time
for _ in range(20):
    try:
        address = socket.gethostbyname(sys.argv[1])
        break
    except OSError:
        time.sleep(1)
else:
    sys.exit(2)
try:
    socket.create_connection((address, int(sys.argv[2])), timeout=10)
except OSError:
    sys.exit(0)
sys.exit(1)
"""
"""0: refused, 1: reached, 2: the name has no address. A network may need some seconds to know a new pod."""
_SECURE = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def policies_are_enforced(api: client.ApiClient, wanted: Wanted) -> Iterator[Finding]:
    """A pod in a namespace of its own must not reach the tracking server."""
    if not wanted.outputs:
        return
    with _namespace(api, wanted) as namespace:
        code = _exit_code(client.CoreV1Api(api), namespace, wanted)
    if code == 1:
        problem = (
            "its network does not enforce NetworkPolicies: a pod of a strange namespace reached the tracking server"
        )
        yield Finding(CONTEXT, problem, "install a CNI plugin that does, such as Cilium or Calico", blocking=False)
    elif code != 0:
        why = "the pod did not end" if code is None else "it found no address"
        yield Finding(
            CONTEXT, f"could not check that NetworkPolicies are enforced ({why})", "try again", blocking=False
        )


@contextmanager
def _namespace(api: client.ApiClient, wanted: Wanted) -> Iterator[str]:
    core, name = client.CoreV1Api(api), f"{wanted.declared.namespace[:40]}-preflight-{uuid4().hex[:6]}"
    core.create_namespace({"metadata": {"name": name}})
    try:
        pull = wanted.settings.registry.pull
        if pull is not None:
            login = f"{pull.username}:{wanted.passwords[pull.password]}".encode()
            auths = {wanted.settings.registry.server: {"auth": base64.b64encode(login).decode()}}
            config = {".dockerconfigjson": json.dumps({"auths": auths})}
            kind = "kubernetes.io/dockerconfigjson"
            core.create_namespaced_secret(name, {"metadata": {"name": PULL_SECRET}, "type": kind, "stringData": config})
        yield name
    finally:
        core.delete_namespace(name)


def _exit_code(core: client.CoreV1Api, namespace: str, wanted: Wanted) -> int | None:
    """How the attempt ended; None if it did not end in time."""
    tracking = wanted.outputs["tracking"]
    server = f"{tracking['service']}.{tracking['namespace']}.svc"
    container = {
        "name": "attempt",
        "image": wanted.outputs["images"][BASE],
        "command": ["python3", "-c", _ATTEMPT, server, f"{tracking['port']:.0f}"],
        "resources": {kind: {"cpu": "50m", "memory": "64Mi"} for kind in ("requests", "limits")},
        "securityContext": _SECURE,
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "containers": [container],
        "imagePullSecrets": [{"name": PULL_SECRET}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 0,
    }
    core.create_namespaced_pod(namespace, {"metadata": {"name": "attempt"}, "spec": spec})
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        statuses = core.read_namespaced_pod("attempt", namespace).status.container_statuses or []
        for each in statuses:
            if each.state.terminated is not None:
                return int(each.state.terminated.exit_code)
        time.sleep(0.5)
    return None
