"""Third-party parts that a declaration deploys and that talk to the Kubernetes API, with their makers' statements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infra.catalogue.images import DCGM_EXPORTER, NVIDIA_DEVICE_PLUGIN
from infra.catalogue.support import GO_PINS, IMAGE_TAGS, SUPPORT, Support
from infra.declaration.model import Platform

_LOCAL = "offline/go/kubernetes"
_PROVIDER, _RUNTIME = "pulumi-kubernetes", "containerd"


@dataclass(frozen=True)
class Part:
    """A part in the version that is pinned at `pinned`, since `declared` asks for it."""

    title: str
    version: str
    pinned: str
    declared: str
    support: Support | None

    def __str__(self) -> str:
        return f"{self.title} {self.version}"


def declared_parts(platform: Platform) -> list[Part]:
    """Those that the declaration needs."""
    return [*_everywhere(platform), *_controllers(platform), *_gpus(platform), *_local(platform)]


def _everywhere(platform: Platform) -> Iterator[Part]:
    support = SUPPORT[_PROVIDER]
    yield Part("Pulumi's kubernetes provider", support.of, "uv.lock", "every stack", support)


def _controllers(platform: Platform) -> Iterator[Part]:
    if platform.queues is not None:
        yield _go("Kueue", "images/kueue", "sigs.k8s.io/kueue", "platform.queues")
    several = [name for name, job in platform.training.items() if job.workers > 1]
    if several:
        declared = f"platform.training.{several[0]}.workers"
        yield _go("JobSet", "images/jobset", "sigs.k8s.io/jobset", declared)
    if platform.gateway is not None and platform.gateway.gateway_class_name is None:
        yield _go("Envoy Gateway", "images/gateway", "github.com/envoyproxy/gateway", "platform.gateway")
        yield _go("Gateway API", "images/gateway", "sigs.k8s.io/gateway-api", "platform.gateway")
    if platform.monitoring is not None:
        module = "k8s.io/kube-state-metrics/v2"
        yield _go("kube-state-metrics", "images/prometheus", module, "platform.monitoring")
    if platform.collects_logs:
        module = "github.com/VictoriaMetrics/VictoriaLogs"
        yield _go("vlagent", "images/logs", module, "platform.monitoring.logs")


def _gpus(platform: Platform) -> Iterator[Part]:
    if platform.foundation.simulates_pools:
        return
    pools = [name for name, pool in platform.node_pools.items() if pool.gpu is not None]
    plugins = [name for name in pools if platform.node_pools[name].device_plugin]
    if plugins:
        yield _image("NVIDIA device plugin", NVIDIA_DEVICE_PLUGIN, f"platform.nodePools.{plugins[0]}.devicePlugin")
    if pools and platform.monitoring is not None:
        yield _image("dcgm-exporter", DCGM_EXPORTER, "platform.monitoring")


def _local(platform: Platform) -> Iterator[Part]:
    """On other foundations these are somebody else's."""
    if platform.foundation.local is None:
        return
    declared = "platform.foundation.local"
    for title, module in (
        ("metrics-server", "sigs.k8s.io/metrics-server"),
        ("kwok", "sigs.k8s.io/kwok"),
        ("kube-router", "github.com/cloudnativelabs/kube-router/v2"),
        ("CoreDNS", "github.com/coredns/coredns"),
        ("etcd", "go.etcd.io/etcd/server/v3"),
    ):
        yield _go(title, _LOCAL, module, declared)
    support = SUPPORT[_RUNTIME]
    yield Part(_RUNTIME, support.of, "offline/debian.py", declared, support)


def _go(title: str, folder: str, module: str, declared: str) -> Part:
    version = GO_PINS[folder][module]
    return Part(title, version, f'versions.toml: go."{folder}"."{module}"', declared, SUPPORT.get(module))


def _image(title: str, image: str, declared: str) -> Part:
    return Part(title, IMAGE_TAGS[image], f"versions.toml: images.{image}.tag", declared, SUPPORT.get(image))
