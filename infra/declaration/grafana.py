"""The Grafana that shows the dashboards beside the status page: deployed by the platform, or an existing one."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from infra.declaration.monitoring_types import sent_in_clear_text
from infra.declaration.types import Name, Settings


def _address(value: str) -> str:
    """An API token is sent there, so the connection must be encrypted."""
    parts = urlsplit(value)
    if not re.fullmatch(r"https?://[^\s/?#]+(/\S*)?", value) or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{value!r} is not the URL of a Grafana; write one such as https://grafana.example.com")
    if sent_in_clear_text(value):
        raise ValueError(f"{value!r} would get the token unencrypted; write https://")
    return value.rstrip("/")


GrafanaAddress = Annotated[
    str,
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "pattern": "^https?://[^\\s/?#]+", "examples": ["https://grafana.example.com"]}),
]


class DeployedGrafana(Settings):
    """The official image in the platform's namespace, behind a login. It has no storage: dashboards are provisioned."""


class ExistingGrafana(Settings):
    """An existing Grafana. A job uploads the dashboards into a folder of the stack whenever they change."""

    url: GrafanaAddress = Field(
        description="Its URL: https, or http to a Service of the cluster (grafana.monitoring.svc)"
    )
    token: Name = Field(description="The secret with the token of a service account with the role Editor")
    datasource: str | None = Field(
        default=None,
        description="The name of the data source for this stack's Prometheus; none: Grafana's default data source",
    )


class Grafana(Settings):
    """Exactly one of deployed and existing."""

    deployed: DeployedGrafana | None = Field(
        default=None, description="A Grafana that the platform deploys in its namespace: {}"
    )
    existing: ExistingGrafana | None = Field(default=None, description="A Grafana that exists already")

    @model_validator(mode="after")
    def _exactly_one(self) -> Grafana:
        if (self.deployed is None) == (self.existing is None):
            raise ValueError(
                "needs exactly one of 'deployed' (a Grafana of the platform) and 'existing' (a URL and a token)"
            )
        return self
