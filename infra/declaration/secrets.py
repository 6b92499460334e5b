"""Secrets by name and owner. The declaration never contains their values."""

from __future__ import annotations

from pydantic import Field

from infra.declaration.settings import Settings
from infra.declaration.types import Name


class Secret(Settings):
    """A secret value that workloads of its team mount as a file.

    Set it with `pulumi config set --secret <name>`, which encrypts it, or let the program generate it.
    """

    team: Name = Field(description="The owning team; 'platform' for receivers of alerts of all teams")
    generate: bool = Field(default=False, description="Generate a random password, which `make rotate` can rotate")
