"""`make upgrade-check` with the tables that are shipped: declared parts, and today's defaults."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cli.upgrade import lifecycles
from cli.upgrade.cluster import DATES, cluster_of
from cli.upgrade.command import known_versions
from cli.upgrade.parts import declared_parts
from cli.upgrade.verdict import Verdict, examine
from cli.upgrade.versions import asked
from common.errors import CommandError
from infra.catalogue.versions import EKS_DEFAULT, LOCAL_KUBERNETES
from infra.declaration.aws.support import minor
from infra.declaration.loader import declare
from infra.declaration.model import Platform
from tests import examples
from tests.unit.components.recorder import platform
from tests.unit.declaration.samples import REPOSITORY, in_cluster, on_aws, small

TODAY = date(2026, 11, 29)
SETTING = "platform.foundation.aws.cluster.version"


def titles(declared: Platform) -> set[str]:
    return {each.title for each in declared_parts(declared)}


def declared(declaration: dict[str, Any]) -> Platform:
    return declare(declaration, "Pulumi.test.yaml", REPOSITORY)


def test_only_declared_parts_are_looked_at() -> None:
    local = {"metrics-server", "kwok", "kube-router", "CoreDNS", "etcd", "containerd"}
    provider = "Pulumi's kubernetes provider"
    assert titles(declared(small())) == {provider, *local}
    assert titles(declared(on_aws())) == {provider}
    assert titles(declared(on_aws(**{"monitoring": {"logs": {}}, "nodePools.plain.instance.memory": "26Gi"}))) == {
        provider,
        "kube-state-metrics",
        "vlagent",
        "dcgm-exporter",
    }
    quotas = {f"teams.{team}.quota": {"cpu": 4, "memory": "8Gi"} for team in ("vision", "speech")}
    assert titles(declared(on_aws(**quotas, queues={}))) == {provider, "Kueue"}
    assert "JobSet" in titles(declared(small(**{"training.digits.workers": 2})))
    assert titles(examples.validated(examples.DEV)) >= {"Envoy Gateway", "Gateway API"}


def test_the_device_plugin_is_looked_at_where_the_platform_installs_it() -> None:
    assert "NVIDIA device plugin" not in titles(declared(in_cluster()))
    (plugin,) = [
        each
        for each in declared_parts(declared(in_cluster(**{"nodePools.l4.devicePlugin": True})))
        if each.title == "NVIDIA device plugin"
    ]
    assert (plugin.declared, plugin.pinned) == (
        "platform.nodePools.l4.devicePlugin",
        "versions.toml: images.nvidia-device-plugin.tag",
    )


def shipped(declaration: dict[str, Any], target: int) -> Verdict:
    known = declared(declaration)
    steps = [
        {"operation": "create", "urn": f"urn:pulumi:t::p::{each.type}::{each.name}", "custom": True, **vars(each)}
        for each in platform(declaration).resources
    ]
    objects = lifecycles.made(steps)
    assert len(objects) > 50
    return examine("t", objects, declared_parts(known), cluster_of(known), lifecycles.lifecycles(), target, TODAY)


QUOTAS = {"vision": {"quota": {"cpu": 4, "memory": "8Gi"}}, "speech": {"quota": {"cpu": 4, "memory": "8Gi"}}}
CONTROLLERS = {"teams": QUOTAS, "queues": {}, "training.digits.workers": 2}
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/6d1f4f4e-3c0a-4a52-9d0c-0b6a5f2f7c11"
EXPOSED = {"serving.digits.expose": {"host": "digits.ml.example.com"}, "serving.digits.apiKey": "key"}
SECRET = {"secrets.key": {"team": "vision", "generate": True}}
LOCAL = small(
    **{**CONTROLLERS, **EXPOSED, **SECRET, "gateway": {}, "serving.digits.expose": {"host": "digits.localhost"}}
)
AWS = on_aws(**{**CONTROLLERS, **EXPOSED, **SECRET, "gateway": {"aws": {"certificate": CERTIFICATE}}})


def blocking(found: Verdict) -> list[str]:
    return [each.problem.partition(" (")[0] for each in found.findings if each.blocking]


def test_today_s_defaults_fit() -> None:
    local, aws = shipped(LOCAL, minor(LOCAL_KUBERNETES)), shipped(AWS, minor(EKS_DEFAULT))
    assert (local.fits, aws.fits) == (True, True)
    assert not local.steps
    assert not aws.steps
    assert not [each for each in [*local.findings, *aws.findings] if each.setting.startswith("component ")]


@pytest.mark.parametrize(
    ("target", "expected"),
    [(35, []), (36, ["containerd 1.6"]), (37, ["Envoy Gateway v1.9.1", "containerd 1.6"])],
)
def test_the_next_three_versions_on_the_local_foundation(target: int, expected: list[str]) -> None:
    assert minor(LOCAL_KUBERNETES) + 3 == 37
    assert blocking(shipped(LOCAL, target)) == expected


def test_the_next_three_versions_on_aws() -> None:
    """Of 1.37, versions.toml has no date of EKS; later ones are not known."""
    found = shipped(AWS, minor(EKS_DEFAULT) + 1)
    assert blocking(found) == ["Envoy Gateway v1.9.1"]
    assert found.unknown[0].setting == SETTING
    for version in (minor(EKS_DEFAULT) + 2, minor(EKS_DEFAULT) + 3):
        with pytest.raises(CommandError, match="is not known to this project"):
            asked(f"1.{version}", known_versions())


def test_the_table_of_api_versions_is_in_order() -> None:
    table = lifecycles.lifecycles()
    pairs = [(row.api_version, kind) for row in table for kind in row.kinds]
    assert len(pairs) == len(set(pairs))
    assert all(row.removed is None or row.deprecated < row.removed for row in table)
    assert all(row.removed is None or row.removed >= 25 for row in table)


def test_kubernetes_versions_are_known_without_a_gap() -> None:
    upstream, eks_versions = sorted(DATES.upstream), sorted(DATES.eks)
    assert upstream == list(range(upstream[0], upstream[-1] + 1))
    assert eks_versions == list(range(eks_versions[0], eks_versions[-1] + 1))
