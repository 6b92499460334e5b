"""What the platform's controllers may not do: they are asked to by somebody who has their account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from common import paths
from tests.stack.conftest import NAMESPACE, TEAM

_ROUTE = ("gateway.networking.k8s.io", "v1", TEAM, "httproutes", "digits")


def require_rollback_only(route: dict[str, Any]) -> None:
    """Of weights, and of no other part of a route; `route` has a canary."""
    api = _as("canary-rollback")
    objects, core = client.CustomObjectsApi(api), client.CoreV1Api(api)
    (rule,) = route["spec"]["rules"]
    stable, canary = rule["backendRefs"]
    most, least = {**stable, "weight": 1_000_000}, {**canary, "weight": 1, "name": stable["name"]}

    def changed(**changes: object) -> Callable[[], Any]:
        spec = {"rules": [{**rule, **changes}]}
        return lambda: objects.patch_namespaced_custom_object(*_ROUTE, {"spec": spec})

    for call in (
        changed(backendRefs=[{**most, "name": canary["name"]}, {**canary, "weight": 1}]),
        changed(backendRefs=[{**most, "name": "other"}, {**least, "name": "other"}]),
        changed(backendRefs=[{**most, "weight": 1}, {**least, "weight": 1_000_000}]),
        changed(backendRefs=[{**most, "filters": []}, least]),
        changed(backendRefs=[most]),
        changed(matches=[{"path": {"type": "PathPrefix", "value": "/"}}]),
        lambda: objects.patch_namespaced_custom_object(*_ROUTE, {"spec": {"hostnames": ["other.example.com"]}}),
    ):
        _refused(call, "only rolls canaries back")
    _refused(lambda: objects.delete_namespaced_custom_object(*_ROUTE))
    _refused(lambda: core.list_namespaced_secret(TEAM))


def require_scaling_only() -> None:
    """Of endpoints whose number of pods is a range, and within it."""
    api = _as("autoscaler")
    apps, more = client.AppsV1Api(api), {"spec": {"replicas": 3}}
    _refused(lambda: apps.patch_namespaced_deployment_scale("digits", TEAM, more), "only scales endpoints")
    _refused(lambda: apps.patch_namespaced_deployment_scale("tracking", NAMESPACE, more))
    _refused(lambda: apps.patch_namespaced_deployment("digits", TEAM, more))
    _refused(lambda: client.CoreV1Api(api).list_namespaced_secret(TEAM))


def _refused(call: Callable[[], Any], why: str = "") -> None:
    with pytest.raises(ApiException) as refusal:
        call()
    assert refusal.value.status == 403, refusal.value.body
    assert why in refusal.value.body


def _as(account: str) -> client.ApiClient:
    api = _admin()
    api.set_default_header("Impersonate-User", f"system:serviceaccount:{NAMESPACE}:{account}")
    return api


def _admin() -> client.ApiClient:
    found: client.ApiClient = config.new_client_from_config(str(paths.KUBECONFIG))
    return found
