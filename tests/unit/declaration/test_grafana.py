"""The Grafana settings: mistakes with their one-line messages, and what valid settings result in."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.declaration.samples import accepted, on_aws, refusal, refused, small

URL = "https://grafana.example.com"
TOKEN = {"grafana-token": {"team": "platform"}}
ADMINS = "93842ea2-70b1-4f6e-8a3c-0d2b6f1e7c55"
OTHERS = "93842ea2-70b1-4f6e-8a3c-0d2b6f1e7c56"
STORED: dict[str, object] = {"foundation.aws.managedPrometheus": {}, "monitoring": {}}
DEPLOYED: dict[str, object] = {"grafana": {"deployed": {}}}


def existing(**changes: object) -> dict[str, Any]:
    return {"grafana": {"existing": {"url": URL, "token": "grafana-token", **changes}}}


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"grafana": {}}, "grafana: needs exactly one of 'deployed' (a Grafana of the platform) and 'existing' (a URL and a token)"),
    ({"grafana": {**existing()["grafana"], "deployed": {}}}, "grafana: needs exactly one of 'deployed' (a Grafana of the platform) and 'existing' (a URL and a token)"),
    ({"grafana": {"exisitng": {}}}, "grafana: unknown setting 'exisitng'; did you mean 'existing'?"),
    ({"grafana": {"existing": {"url": URL}}}, "grafana.existing: missing setting 'token'"),
    (existing(url="grafana.example.com"), "grafana.existing.url: 'grafana.example.com' is not the URL of a Grafana; write one such as https://grafana.example.com"),
    (existing(url=f"{URL}/?orgId=1"), f"grafana.existing.url: '{URL}/?orgId=1' is not the URL of a Grafana; write one such as https://grafana.example.com"),
    (existing(url="http://grafana.example.com"), "grafana.existing.url: 'http://grafana.example.com' would get the token unencrypted; write https://"),
    (existing(token="grafana-tokn"), "grafana.existing.token: secret 'grafana-tokn' is not declared; did you mean 'grafana-token'?"),
    (existing(token="of-a-team"), "grafana.existing.token: secret 'of-a-team' belongs to team 'vision'; write team: platform in secrets"),
    (existing(token="made-here"), "grafana.existing.token: secret 'made-here' is generated, so that Grafana does not know it; remove 'generate' and set it to a token that Grafana issued"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "line"), MISTAKES, ids=[line[:90] for _, line in MISTAKES])
def test_a_mistake_costs_one_line(root: Path, settings: dict[str, Any], line: str) -> None:
    secrets = {**TOKEN, "of-a-team": {"team": "vision"}, "made-here": {"team": "platform", "generate": True}}
    assert refused(root, monitoring=settings, secrets=secrets) == [f"Pulumi.dev.yaml: platform.monitoring.{line}"]


ON_AWS: list[tuple[dict[str, Any], str]] = [
    ({"managedGrafana": {}}, "foundation.aws.managedGrafana: missing setting 'admins'"),
    ({"managedGrafana": {"admins": []}}, "foundation.aws.managedGrafana.admins: has 0 entries; write at least 1"),
    ({"managedGrafana": {"admins": ["admins"]}}, f"foundation.aws.managedGrafana.admins.0: 'admins' is not the id of a group in IAM Identity Center; write one such as {ADMINS}"),
    ({"managedGrafana": {"admins": [ADMINS], "viewers": [OTHERS, ADMINS]}}, f"foundation.aws.managedGrafana.viewers.1: {ADMINS} is already in admins; write each group once"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "line"), ON_AWS, ids=[line[:90] for _, line in ON_AWS])
def test_a_mistake_on_aws_costs_one_line(root: Path, settings: dict[str, Any], line: str) -> None:
    changes = {f"foundation.aws.{name}": value for name, value in settings.items()}
    assert refusal(root, on_aws(**STORED, **changes)) == [f"Pulumi.dev.yaml: platform.{line}"]


def test_a_managed_one_needs_metrics_that_it_can_reach(root: Path) -> None:
    declared = on_aws(monitoring={}, **{"foundation.aws.managedGrafana": {"admins": [ADMINS]}})
    words = "cannot reach the cluster's Prometheus, so it needs managedPrometheus"
    line = f"platform.foundation.aws.managedGrafana: {words}; declare managedPrometheus too"
    assert refusal(root, declared) == [f"Pulumi.dev.yaml: {line}"]


def test_dashboards_are_in_one_grafana(root: Path) -> None:
    declared = on_aws(**STORED | {"monitoring": DEPLOYED, "foundation.aws.managedGrafana": {"admins": [ADMINS]}})
    words = "the foundation already provides a Grafana (managedGrafana); declare only one of the two"
    assert refusal(root, declared) == [f"Pulumi.dev.yaml: platform.monitoring.grafana: {words}"]


def test_by_default_only_the_status_page_shows_dashboards(root: Path) -> None:
    platform = accepted(root, monitoring={})
    assert (platform.deploys_grafana, platform.grafana_is_elsewhere) == (False, False)


def test_it_is_deployed_or_elsewhere(root: Path) -> None:
    own, other = accepted(root, monitoring=DEPLOYED), accepted(root, monitoring=existing(), secrets=TOKEN)
    assert (own.deploys_grafana, own.grafana_is_elsewhere) == (True, False)
    assert (other.deploys_grafana, other.grafana_is_elsewhere) == (False, True)


@pytest.mark.parametrize("url", ["http://grafana.monitoring.svc:3000/", "https://example.com/grafana/"])
def test_http_is_allowed_within_the_cluster_and_a_path_may_follow(root: Path, url: str) -> None:
    monitoring = accepted(root, monitoring=existing(url=url), secrets=TOKEN).monitoring
    assert monitoring is not None and monitoring.grafana is not None and monitoring.grafana.existing is not None
    assert monitoring.grafana.existing.url == url.rstrip("/")


def test_only_an_own_one_has_a_password_to_renew(root: Path) -> None:
    assert accepted(root, monitoring=DEPLOYED, rotations={"grafana": 1}).rotations == {"grafana": 1}
    (line,) = refusal(root, small(monitoring=existing(), secrets=TOKEN, rotations={"grafana": 1}))
    assert line.startswith("Pulumi.dev.yaml: platform.rotations.grafana: there is no generated secret 'grafana'")
