"""One machine as a foundation."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.unit.components.recorder import forget_builds, inputs, platform
from tests.unit.declaration.samples import small


def test_the_registry_answers_on_loopback_only_and_asks_for_a_password() -> None:
    recorder = platform(small())
    container = inputs(recorder, "docker:index/container:Container", "registry")
    assert container["ports"] == [
        {"internal": 5000, "external": 5000, "ip": "127.0.0.1"},
        {"internal": 5001, "external": 5001, "ip": "127.0.0.1"},
    ]
    (upload,) = inputs(recorder, "docker:index/container:Container", "registry-passwords")["uploads"]
    lines = [f"platform-{slot}:$2a$10$hash-of-registry-{slot}\n" for slot in range(3)]
    assert upload == {"file": "/auth/htpasswd", "content": "".join(lines)}


def test_the_registry_s_metrics_are_scraped_through_the_node() -> None:
    stack = platform(small(**{"foundation.local.registryPort": 5055, "monitoring": {}}))
    config = inputs(stack, "kubernetes:core/v1:ConfigMap", "prometheus")
    jobs = {job["job_name"]: job for job in yaml.safe_load(config["data"]["prometheus.yml"])["scrape_configs"]}
    assert jobs["registry"]["static_configs"] == [{"targets": ["10.244.0.1:5056"]}]


def test_a_new_password_needs_no_new_registry() -> None:
    before, after = (platform(small(rotations={"registry": count})) for count in (1, 2))
    type_ = "docker:index/container:Container"
    assert inputs(before, type_, "registry") == inputs(after, type_, "registry")
    login = inputs(after, "docker:index/image:Image", "serving")["registry"]
    assert (login["username"], login["password"]) == ("platform-2", "password-of-registry-2")


def test_the_registry_keeps_its_data_in_a_volume() -> None:
    container = inputs(platform(small()), "docker:index/container:Container", "registry")
    assert container["volumes"] == [
        {"volumeName": "ml-platform-registry", "containerPath": "/var/lib/registry"},
        {"volumeName": "ml-platform-registry-passwords", "containerPath": "/auth", "readOnly": True},
    ]


def test_pods_log_in_to_the_declared_port() -> None:
    stack = platform(small(**{"foundation.local.registryPort": 5055}))
    secret = inputs(stack, "kubernetes:core/v1:Secret", "vision-registry")
    login = json.loads(secret["stringData"][".dockerconfigjson"])["auths"]["127.0.0.1:5055"]
    assert (login["username"], login["password"]) == ("platform-0", "password-of-registry-0")


def test_the_cluster_is_the_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)  # the SDK would take its path for the provider
    forget_builds()
    provider = inputs(platform(small()), "pulumi:providers:kubernetes", "kubernetes")
    assert provider["context"] == "ml-platform"
    assert "kubeconfig" not in provider


def test_a_simulated_node_offers_what_its_pool_declares() -> None:
    node = inputs(
        platform(small(**{"nodePools.a10g.taints": ["team=vision:NoExecute"]})), "kubernetes:core/v1:Node", "a10g-1"
    )
    assert node["metadata"]["annotations"] == {"kwok.x-k8s.io/node": "fake"}
    of_every_node = {"pods": "110", "ephemeral-storage": "1Ti"}
    assert node["status"]["capacity"] == {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1", **of_every_node}
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
