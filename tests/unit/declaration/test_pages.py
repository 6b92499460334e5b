"""Hosts of pages: what leads to nothing, or to two things, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.declaration.samples import accepted, refused

HOSTS = {"tracking": "mlflow.example.com"}


def test_a_page_has_a_host(root: Path) -> None:
    assert accepted(root, gateway={"hosts": HOSTS})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"gateway": {"hosts": {"status": "status.example.com"}}},
            "gateway.hosts.status: there is no status page without 'monitoring'; declare it, or remove this",
        ),
        (
            {"gateway": {"hosts": {"grafana": "grafana.example.com"}}, "monitoring": {}},
            "gateway.hosts.grafana: the platform deploys no Grafana; write monitoring.grafana: {deployed: {}}, or "
            "remove this",
        ),
        (
            {"gateway": {"hosts": {"tracking": "a.example.com", "status": "a.example.com"}}, "monitoring": {}},
            "gateway.hosts.status: a.example.com is that of gateway.hosts.tracking; write another host",
        ),
        (
            {
                "gateway": {"hosts": HOSTS},
                "secrets": {"ci": {"team": "vision", "generate": True}},
                "serving.digits.expose": {"host": "mlflow.example.com", "callers": ["ci"]},
            },
            "gateway.hosts.tracking: mlflow.example.com is that of serving.digits.expose; write another host",
        ),
        (
            {"gateway": {"hosts": {"tracking": "https://mlflow.example.com"}}},
            "gateway.hosts.tracking: 'https://mlflow.example.com' is not a host; write a DNS name in lower case "
            "without scheme and port, such as models.example.com",
        ),
    ],
)
def test_what_leads_to_nothing_or_to_two_things_is_refused(
    root: Path, changes: dict[str, object], message: str
) -> None:
    assert refused(root, **changes) == [f"Pulumi.dev.yaml: platform.{message}"]
