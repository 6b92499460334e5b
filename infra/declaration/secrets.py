"""Secrets: which there are and whose they are. Their values stand nowhere in the declaration."""

from __future__ import annotations

from pydantic import Field

from infra.declaration.settings import Settings
from infra.declaration.types import Name


class Secret(Settings):
    """A value that workloads of one team read from a file, by default one of the team's own.

    It is given with `pulumi config set --secret <name>`, which encrypts it.
    """

    team: Name = Field(description="Whose it is; 'platform': of the platform itself, for receivers of any alerts")
    generate: bool = Field(
        default=False, description="A password that the program makes itself, and that `make rotate` renews"
    )
