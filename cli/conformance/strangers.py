"""Two pods in a namespace of their own, which is no team's and is removed at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli.conformance.stack import Stack, is_ready
from cli.conformance.tenancy import compliant
from cli.objects import Objects
from common.errors import CommandError
from infra.catalogue.names import DOMAIN, PULL_SECRET, labels

PORT = 8080
_SECONDS = 120
"""For the pods, whose image may have to be pulled, and for their namespace to go."""
_POLL_SECONDS = 0.5
_ASKER, _NEIGHBOUR = "asker", "neighbour"
_PROGRAM = f"import http.server as s; s.HTTPServer(('', {PORT}), s.BaseHTTPRequestHandler).serve_forever()"
COMPONENT = "conformance"
"""The component label of the namespace."""
_OF = f"{DOMAIN}/conformance-of"
"""The label of the namespace that names the platform: it is none of the platform's own."""
_SECONDS_OF_A_CHECK = 900
"""After which the namespace of a command that was killed is removed by the next one."""


@contextmanager
def strangers(api: client.ApiClient, stack: Stack) -> Iterator[tuple[str, str, str]]:
    """The namespace, the pod that asks, and the address and port of its neighbour; all are gone at the end."""
    core, name = client.CoreV1Api(api), f"{stack.platform[:40]}-conformance-{uuid4().hex[:6]}"
    _remove_abandoned(api, stack)
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    try:
        core.create_namespace(
            {"metadata": {"name": name, "labels": {**labels(name, COMPONENT), _OF: stack.platform, **restricted}}}
        )
        _pull_login(core, stack, name)
        image = _image(api, stack)
        for each in (_ASKER, _NEIGHBOUR):
            core.create_namespaced_pod(name, _pod(stack, each, image))
        address = _addresses(api, name)[_NEIGHBOUR]
        yield name, _ASKER, f"{address}:{PORT}"
    finally:
        _remove(core, name)


def _image(api: client.ApiClient, stack: Stack) -> str:
    """Of an endpoint's pod: its node has it."""
    selector = {"labelSelector": "app.kubernetes.io/component=serving"}
    for team in stack.declared.teams:
        for pod in Objects(api).listed(f"/api/v1/namespaces/{team}/pods", **selector):
            if is_ready(pod):
                return str(pod["spec"]["containers"][0]["image"])
    raise CommandError("no image for a pod of a strange namespace", "no pod of an endpoint is ready")


def _pull_login(core: client.CoreV1Api, stack: Stack, name: str) -> None:
    """That of the platform's own namespace, if nodes need one."""
    try:
        found = core.read_namespaced_secret(PULL_SECRET, stack.platform)
    except ApiException as error:
        if error.status == 404:
            return
        raise
    core.create_namespaced_secret(name, {"metadata": {"name": PULL_SECRET}, "type": found.type, "data": found.data})


def _pod(stack: Stack, name: str, image: str) -> dict[str, Any]:
    spec = compliant(stack)["spec"]
    probe = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
    container = {
        **spec["containers"][0],
        "image": image,
        "command": ["python", "-c", _PROGRAM],
        "readinessProbe": probe,
    }
    more = {
        "nodeSelector": None,
        "containers": [container],
        "imagePullSecrets": [{"name": PULL_SECRET}],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "activeDeadlineSeconds": _SECONDS_OF_A_CHECK,
    }
    return {"metadata": {"name": name}, "spec": {**spec, **more}}


def _addresses(api: client.ApiClient, namespace: str) -> dict[str, str]:
    """Of both pods, once they run."""
    deadline = time.monotonic() + _SECONDS
    while True:
        pods = Objects(api).listed(f"/api/v1/namespaces/{namespace}/pods")
        if len(pods) == 2 and all(is_ready(each) for each in pods):
            return {each["metadata"]["name"]: each["status"]["podIP"] for each in pods}
        if time.monotonic() > deadline:
            phases = ", ".join(f"{each['metadata']['name']} {each.get('status', {}).get('phase')}" for each in pods)
            raise CommandError(f"the pods of namespace {namespace} did not start within {_SECONDS} s", phases)
        time.sleep(_POLL_SECONDS)


def _remove(core: client.CoreV1Api, name: str) -> None:
    """Waits until it is gone."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            core.delete_namespace(name)
        except ApiException as error:
            if error.status == 404:
                return
            if error.status != 409:  # it is being deleted
                raise
        except HTTPError:  # no answer
            pass
        if time.monotonic() > deadline:
            hint = f"`kubectl delete namespace {name}`"
            raise CommandError(f"namespace {name} is not gone after {_SECONDS} s", hint=hint)
        time.sleep(_POLL_SECONDS)


def _remove_abandoned(api: client.ApiClient, stack: Stack) -> None:
    """Namespaces that killed commands have left."""
    for each in Objects(api).listed("/api/v1/namespaces", labelSelector=f"{_OF}={stack.platform}"):
        age = datetime.now(UTC) - datetime.fromisoformat(each["metadata"]["creationTimestamp"])
        if age.total_seconds() > _SECONDS_OF_A_CHECK:
            _remove(client.CoreV1Api(api), each["metadata"]["name"])
