"""Each kind of mistake in settings of an existing cluster, and its message."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from pathlib import Path

import pytest

from infra.declaration.loader import declare
from tests.unit.declaration.samples import GONE, in_cluster, refusal, refused

CLUSTER = "foundation.cluster"
REGISTRY = f"{CLUSTER}.registry"
POOL = "nodePools.l4"
RECEIVER = {"hook": {"webhook": {"url": "https://example.com/hook", "token": "push"}}}
NAMED = {"labels": {"a": "b"}, "instance": {"cpu": 1, "memory": "1Gi"}}

MISTAKES = [
    ("foundation.local", {}, "foundation: 2 foundations are declared, 'local' and 'cluster'; declare one of them"),
    (f"{CLUSTER}.kubeContext", GONE, f"{CLUSTER}: missing setting 'kubeContext'"),
    (f"{CLUSTER}.context", "x", f"{CLUSTER}: unknown setting 'context'; did you mean 'kubeContext'?"),
    (
        f"{CLUSTER}.dns",
        {"address": "dns.example"},
        f"{CLUSTER}.dns.address: 'dns.example' is not an IPv4 address; write one such as 10.0.0.2",
    ),
    (
        f"{CLUSTER}.kubeContext",
        "ml-platform",
        f"{CLUSTER}.kubeContext: 'ml-platform' is the cluster that `make up` starts on the local foundation; rename yours: kubectl config rename-context ml-platform <name>",
    ),
    (
        f"{REGISTRY}.pull.password",
        "push",
        f"{REGISTRY}.pull.password: is that of 'push' too, and every team can read it; write one that may only pull, or omit 'pull' where nodes have an identity",
    ),
    (f"{REGISTRY}.push", GONE, f"{REGISTRY}: missing setting 'push'"),
    (
        f"{REGISTRY}.push.password",
        "push-key",
        f"{REGISTRY}.push.password: secret 'push-key' is not declared; did you mean 'push'?; declare push-key: {{team: platform}} under 'secrets'",
    ),
    (
        "secrets.pull.team",
        "vision",
        f"{REGISTRY}.pull.password: secret 'pull' belongs to team 'vision'; write a secret of team 'platform'",
    ),
    (
        "secrets.push.generate",
        True,
        "secrets.push.generate: its value exists already, outside of the platform; remove 'generate' and set the value",
    ),
    (
        "monitoring",
        {"receivers": RECEIVER, "routes": {"platform": "hook"}},
        "monitoring.receivers.hook.webhook.token: secret 'push' is the foundation's; write another secret",
    ),
    (
        f"{POOL}.labels",
        GONE,
        f"{POOL}.labels: the cluster foundation finds a pool's nodes by their labels; write at least one",
    ),
    (
        f"{POOL}.min",
        1,
        f"{POOL}.min: the cluster foundation creates no nodes; remove 'min', and write in 'max' how many there are",
    ),
    (
        f"{POOL}.aws",
        {"instanceTypes": ["g6.2xlarge"]},
        f"{POOL}.aws: only the aws foundation has EC2 instances; remove 'aws', or declare foundation.aws",
    ),
    (
        "nodePools.cpu",
        {"labels": {"a": "b"}, "instance": {"cpu": 1, "memory": "1Gi"}, "devicePlugin": True},
        "nodePools.cpu.devicePlugin: the pool has no GPUs; declare 'gpu', or remove it",
    ),
    (
        f"nodePools.{'x' * 43}",
        {**NAMED, "gpu": {"model": "NVIDIA-L4", "checkImage": "training"}},
        f"nodePools.{'x' * 43}: the name has 43 characters; with checkImage, write a name of at most 42",
    ),
]


@pytest.mark.parametrize(("setting", "value", "message"), MISTAKES, ids=[f"{each[0]}={each[1]}" for each in MISTAKES])
def test_a_mistake_is_refused_with_one_message(root: Path, setting: str, value: object, message: str) -> None:
    assert refusal(root, in_cluster(**{setting: value})) == [f"Pulumi.dev.yaml: platform.{message}"]


NO_SERVER = "is not the address of a registry; write the host alone, without https:// and path, such as registry.example.com or 10.0.0.2:5000"
NO_PREFIX = "is not the beginning of a repository's name; write words of lower-case letters and digits, joined by '/', such as research/ml-platform"


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        *(
            ("server", value, f"{value!r} {NO_SERVER}")
            for value in (
                "https://registry.example.com",
                "registry.example.com/ml",
                "registry",
                "registry..example",
                "registry.example.com:99999",
            )
        ),
        *(("prefix", value, f"{value!r} {NO_PREFIX}") for value in ("Research", "/research", "research/")),
        ("server", "docker.io", "'docker.io' is Docker Hub, whose repositories have no prefix; write another registry"),
        (
            "push.password",
            "s3cr3t!",
            "is not the name of a secret; write the name of an entry in 'secrets', never the password",
        ),
    ],
)
def test_an_unfit_address_or_name_is_refused(root: Path, setting: str, value: str, message: str) -> None:
    assert refusal(root, in_cluster(**{f"{REGISTRY}.{setting}": value})) == [
        f"Pulumi.dev.yaml: platform.{REGISTRY}.{setting}: {message}"
    ]


@pytest.mark.parametrize("server", ["registry.example.com", "10.0.0.2:5000", "localhost:5000", "registry:5000", "a.b"])
def test_addresses_of_registries(root: Path, server: str) -> None:
    declared = declare(in_cluster(**{f"{REGISTRY}.server": server}), "Pulumi.dev.yaml", root)
    assert declared.foundation.cluster is not None and declared.foundation.cluster.registry.server == server


def test_names_of_pools_are_short_only_where_a_cron_job_has_them(root: Path) -> None:
    checked = {**NAMED, "gpu": {"model": "NVIDIA-L4", "checkImage": "training"}}
    pools = {f"nodePools.{'x' * 42}": checked, f"nodePools.{'y' * 43}": NAMED}
    assert len(declare(in_cluster(**pools), "Pulumi.dev.yaml", root).node_pools) == 3


def test_settings_of_existing_nodes_are_refused_where_nodes_are_simulated(root: Path) -> None:
    changes = {
        "nodePools.a10g.devicePlugin": True,
        "nodePools.a10g.runtimeClassName": "nvidia",
        "nodePools.a10g.gpu": {"model": "NVIDIA-A10G", "checkImage": "training"},
    }
    assert refused(root, **changes) == [
        "Pulumi.dev.yaml: platform.nodePools.a10g.devicePlugin: only the cluster foundation asks for it; remove it",
        "Pulumi.dev.yaml: platform.nodePools.a10g.runtimeClassName: pods are never executed on simulated nodes; remove it",
        "Pulumi.dev.yaml: platform.nodePools.a10g.gpu.checkImage: simulated GPUs can't be checked; remove it",
    ]


def test_the_sample_is_valid_and_pulls_may_need_no_login(root: Path) -> None:
    assert declare(in_cluster(), "Pulumi.dev.yaml", root).foundation.secrets == {"push", "pull"}
    assert declare(in_cluster(**{f"{REGISTRY}.pull": GONE}), "Pulumi.dev.yaml", root).foundation.secrets == {"push"}
