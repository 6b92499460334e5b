"""The small sample, once with each way to a Grafana."""

from __future__ import annotations

from typing import Any

from tests.unit.declaration.samples import on_aws, small

URL = "https://grafana.example.com"
ADMINS, VIEWERS = "93842ea2-70b1-4f6e-8a3c-0d2b6f1e7c55", "93842ea2-70b1-4f6e-8a3c-0d2b6f1e7c56"
TOKEN = {"grafana-token": {"team": "platform"}}


def deployed(**changes: object) -> dict[str, Any]:
    """One of the platform's own."""
    return small(monitoring={"grafana": {"deployed": {}}}, **changes)


def existing(url: str = URL, **settings: object) -> dict[str, Any]:
    """One that is there."""
    return small(
        monitoring={"grafana": {"existing": {"url": url, "token": "grafana-token", **settings}}}, secrets=TOKEN
    )


def managed(**changes: object) -> dict[str, Any]:
    """AWS's."""
    people = {"admins": [ADMINS], "viewers": [VIEWERS]}
    place = {"foundation.aws.managedPrometheus": {}, "foundation.aws.managedGrafana": people}
    return on_aws(monitoring={}, **place, **changes)
