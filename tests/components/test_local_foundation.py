"""One machine as a foundation."""

from __future__ import annotations

import json

import pytest

from tests.components.recorder import inputs, platform
from tests.declaration.samples import small


def test_the_registry_answers_on_loopback_only_and_asks_for_a_password() -> None:
    container = inputs(platform(small()), "docker:index/container:Container", "registry")
    assert container["ports"] == [{"internal": 5000, "external": 5000, "ip": "127.0.0.1"}]
    (upload,) = container["uploads"]
    assert upload == {"file": "/auth/htpasswd", "content": "platform:$2a$10$hash-of-registry\n"}


def test_the_registry_keeps_its_data_in_a_volume() -> None:
    container = inputs(platform(small()), "docker:index/container:Container", "registry")
    assert container["volumes"] == [{"volumeName": "ml-platform-registry", "containerPath": "/var/lib/registry"}]


def test_pods_log_in_to_the_declared_port() -> None:
    stack = platform(small(**{"foundation.local.registryPort": 5055}))
    secret = inputs(stack, "kubernetes:core/v1:Secret", "vision-registry")
    login = json.loads(secret["stringData"][".dockerconfigjson"])["auths"]["127.0.0.1:5055"]
    assert (login["username"], login["password"]) == ("platform", "password-of-registry")


def test_the_cluster_is_the_declared_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)  # the SDK would take its path for the provider
    provider = inputs(
        platform(small(**{"foundation.local.kubeContext": "mine"})), "pulumi:providers:kubernetes", "kubernetes"
    )
    assert provider["context"] == "mine"
    assert "kubeconfig" not in provider


def test_a_simulated_node_offers_what_its_pool_declares() -> None:
    node = inputs(
        platform(small(**{"nodePools.a10g.taints": ["team=vision:NoExecute"]})), "kubernetes:core/v1:Node", "a10g-1"
    )
    assert node["metadata"]["annotations"] == {"kwok.x-k8s.io/node": "fake"}
    assert node["status"]["capacity"] == {"cpu": "8", "memory": "32Gi", "pods": "110", "nvidia.com/gpu": "1"}
    assert node["status"]["allocatable"] == node["status"]["capacity"]
    assert node["metadata"]["labels"]["nvidia.com/gpu.product"] == "NVIDIA-A10G"
    assert node["spec"]["taints"] == [
        {"key": "ml-platform.io/simulated", "value": "true", "effect": "NoSchedule"},
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
        {"key": "team", "value": "vision", "effect": "NoExecute"},
    ]


def test_a_pool_without_gpus_has_none() -> None:
    node = inputs(platform(small()), "kubernetes:core/v1:Node", "plain-0")
    assert "nvidia.com/gpu" not in node["status"]["capacity"]
    assert [taint["key"] for taint in node["spec"]["taints"]] == ["ml-platform.io/simulated"]
