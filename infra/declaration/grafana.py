"""Where dashboards are drawn besides the status page: in a Grafana of the platform's own, or in one that is there."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from infra.declaration.monitoring_types import readable_on_the_way
from infra.declaration.settings import Settings
from infra.declaration.types import Name


def _address(value: str) -> str:
    """A token goes there, so that nobody on the way may read along."""
    parts = urlsplit(value)
    if not re.match(r"^https?://[^\s/?#]+", value) or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{value!r} is no address of a Grafana; write one such as https://grafana.example.com")
    if readable_on_the_way(value):
        raise ValueError(f"{value!r} would be sent the token readable for all on the way; write https://")
    return value.rstrip("/")


GrafanaAddress = Annotated[
    str,
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "pattern": "^https?://[^\\s/?#]+", "examples": ["https://grafana.example.com"]}),
]


class DeployedGrafana(Settings):
    """The official image in the platform's namespace, behind a login. It keeps nothing: what it shows is declared."""


class ExistingGrafana(Settings):
    """One that is there already: dashboards go into a folder of the stack's own, whenever they have changed."""

    url: GrafanaAddress = Field(description="By https, or by http to a Service of the cluster (grafana.monitoring.svc)")
    token: Name = Field(description="The secret with the token of a service account that may edit")
    datasource: str | None = Field(
        default=None,
        description="The name that this stack's Prometheus has there, for dashboards to begin with; none: its default",
    )


class Grafana(Settings):
    """Exactly one."""

    deployed: DeployedGrafana | None = Field(default=None, description="An own one in the platform's namespace: {}")
    existing: ExistingGrafana | None = Field(default=None, description="One that is there already")

    @model_validator(mode="after")
    def _exactly_one(self) -> Grafana:
        if (self.deployed is None) == (self.existing is None):
            raise ValueError("is exactly one; declare 'deployed' (an own one) or 'existing' (its address and a token)")
        return self
