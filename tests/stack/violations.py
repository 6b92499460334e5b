"""What somebody does to a stack so that it conforms no longer, one for each item; undone when the block ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client

from cli.conformance.stack import Stack
from cli.conformance.tenancy import compliant
from infra.catalogue.names import PULL_SECRET
from tests.stack.conftest import NAMESPACE, TEAM
from tests.waiting import eventually

POOL = "trialgpu"
WAITING = "too-large"
"""A Job of two pods for which the queue has no room."""
_DEFINITION = Path(__file__).parents[1] / "cluster" / "crds" / "karpenter.sh_nodepools.yaml"
_ENFORCE = "pod-security.kubernetes.io/enforce"

Violation = Callable[[client.ApiClient, Stack], AbstractContextManager[None]]


@contextmanager
def stopped(api: client.ApiClient, stack: Stack, *, name: str, namespace: str) -> Iterator[None]:
    """A Deployment without pods."""
    apps = client.AppsV1Api(api)

    def scale(replicas: int) -> None:
        apps.patch_namespaced_deployment_scale(name, namespace, {"spec": {"replicas": replicas}})
        eventually(lambda: _available(apps, name, namespace) == replicas, 120, f"{replicas} pods of {name}")

    before = apps.read_namespaced_deployment(name, namespace).spec.replicas
    scale(0)
    try:
        yield
    finally:
        scale(before)


def _available(apps: client.AppsV1Api, name: str, namespace: str) -> int:
    status = apps.read_namespaced_deployment(name, namespace).status
    return int(status.available_replicas or 0)


@contextmanager
def _pod(api: client.ApiClient, body: dict[str, Any]) -> Iterator[None]:
    core, name = client.CoreV1Api(api), body["metadata"]["name"]
    core.create_namespaced_pod(TEAM, body)
    try:
        yield
    finally:
        core.delete_namespaced_pod(name, TEAM, grace_period_seconds=0)


def started_alone(api: client.ApiClient, stack: Stack) -> AbstractContextManager[None]:
    """One pod of a gang that waits. It is scheduled nowhere."""
    labels = {"batch.kubernetes.io/job-name": WAITING}
    return _pod(api, {**compliant(stack), "metadata": {"name": "alone", "labels": labels}})


@contextmanager
def unscraped(api: client.ApiClient, stack: Stack) -> Iterator[None]:
    """A ready pod of an endpoint that Prometheus does not discover: it has no port."""
    spec = compliant(stack)["spec"]
    image, sleep = stack.outputs["images"]["serving"], ["python", "-c", "import time; time.sleep(3600)"]
    container = {**spec["containers"][0], "image": image, "command": sleep}
    more = {"nodeSelector": None, "containers": [container], "imagePullSecrets": [{"name": PULL_SECRET}]}
    metadata = {"name": "unscraped", "labels": {"app.kubernetes.io/component": "serving"}}
    core = client.CoreV1Api(api)
    with _pod(api, {"metadata": metadata, "spec": {**spec, **more, "terminationGracePeriodSeconds": 0}}):
        eventually(
            lambda: core.read_namespaced_pod("unscraped", TEAM).status.phase == "Running", 60, "the pod without a port"
        )
        yield


@contextmanager
def unready_pool(api: client.ApiClient, stack: Stack) -> Iterator[None]:
    """A pool of Karpenter for nodes with GPUs whose class does not exist."""
    definitions, objects = client.ApiextensionsV1Api(api), client.CustomObjectsApi(api)
    where = ("karpenter.sh", "v1", "nodepools")
    class_ = {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "nowhere"}
    spot = [{"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]}]
    body = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": POOL},
        "spec": {"template": {"spec": {"nodeClassRef": class_, "requirements": spot}}},
    }
    state = {"type": "Ready", "status": "False", "reason": "NodeClassNotFound", "message": "no NodeClass nowhere"}
    definition = yaml.safe_load(_DEFINITION.read_text())
    definitions.create_custom_resource_definition(definition)
    try:
        eventually(partial(_can_create, objects, where, body), 30, "Karpenter's definition")
        status = {"status": {"conditions": [{**state, "lastTransitionTime": "2026-11-29T12:00:00Z"}]}}
        objects.patch_cluster_custom_object_status(*where, POOL, status)
        yield
    finally:
        definitions.delete_custom_resource_definition(definition["metadata"]["name"])


def _can_create(objects: client.CustomObjectsApi, where: tuple[str, str, str], body: Mapping[str, Any]) -> bool:
    try:
        objects.create_cluster_custom_object(*where, body)
    except client.ApiException as error:
        assert error.status == 404, error
        return False
    return True


@contextmanager
def unable_to_scale(api: client.ApiClient, stack: Stack) -> Iterator[None]:
    """A HorizontalPodAutoscaler of a metric that the cluster does not serve."""
    autoscaling = client.AutoscalingV2Api(api)
    metric = {
        "type": "Pods",
        "pods": {"metric": {"name": "x"}, "target": {"type": "AverageValue", "averageValue": "1"}},
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "digits"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 3, "metrics": [metric]}
    autoscaling.create_namespaced_horizontal_pod_autoscaler(TEAM, {"metadata": {"name": "unable"}, "spec": spec})
    try:
        yield
    finally:
        autoscaling.delete_namespaced_horizontal_pod_autoscaler("unable", TEAM)


@contextmanager
def unenforced(api: client.ApiClient, stack: Stack, *, rule: str) -> Iterator[None]:
    """A rule about pods that only warns, in a namespace without Pod Security."""
    core, admission = client.CoreV1Api(api), client.AdmissionregistrationV1Api(api)
    binding = f"{NAMESPACE}-{rule}"

    def enforce(level: str, action: str) -> None:
        core.patch_namespace(TEAM, {"metadata": {"labels": {_ENFORCE: level}}})
        actions = {"spec": {"validationActions": [action]}}
        admission.patch_validating_admission_policy_binding(binding, actions)

    enforce("privileged", "Warn")
    try:
        yield
    finally:
        enforce("restricted", "Deny")


@contextmanager
def too_many_rights(api: client.ApiClient, stack: Stack) -> Iterator[None]:
    """A group of a team reads Secrets of the platform."""
    rbac, name = client.RbacAuthorizationV1Api(api), "too-many-rights"
    group = stack.declared.teams[TEAM].groups.developer[0]
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}
    rbac.create_namespaced_role(NAMESPACE, {"metadata": {"name": name}, "rules": [rule]})
    try:
        body = {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
        rbac.create_namespaced_role_binding(NAMESPACE, body)
        yield
        rbac.delete_namespaced_role_binding(name, NAMESPACE)
    finally:
        rbac.delete_namespaced_role(name, NAMESPACE)


@contextmanager
def let_in(api: client.ApiClient, stack: Stack) -> Iterator[None]:
    """A NetworkPolicy that lets anybody reach the team's pods."""
    networking = client.NetworkingV1Api(api)
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}
    networking.create_namespaced_network_policy(TEAM, {"metadata": {"name": "let-in"}, "spec": spec})
    try:
        yield
    finally:
        networking.delete_namespaced_network_policy("let-in", TEAM)


VIOLATIONS: Mapping[str, Violation] = {
    "ai_inference": partial(stopped, name="envoy-gateway", namespace=f"{NAMESPACE}-gateway"),
    "gang_scheduling": started_alone,
    "cluster_autoscaling": unready_pool,
    "pod_autoscaling": unable_to_scale,
    "accelerator_metrics": partial(stopped, name="gpu-simulator", namespace=NAMESPACE),
    "ai_service_metrics": unscraped,
    "secure_accelerator_access": partial(unenforced, rule="no-host-paths"),
    "robust_controller": partial(stopped, name="kueue", namespace=f"{NAMESPACE}-queues"),
    "pod_security": partial(unenforced, rule="no-privileged-containers"),
    "secret_isolation": too_many_rights,
    "network_isolation": let_in,
}
"""By the id of the item."""
