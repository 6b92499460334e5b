"""What the stack says that there should be. Only what is declared can be missed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Declared:
    """`endpoints` are namespaces and models by name; `teams` are namespaces too. `pools` are those with GPUs, and
    whether they are simulated. `devices` is the namespace of what must see the nodes' own; None where nothing does."""

    stack: str
    namespace: str
    devices: str | None
    teams: Sequence[str]
    endpoints: Mapping[str, Mapping[str, str]]
    jobs: Mapping[str, Mapping[str, str]]
    pools: Mapping[str, bool]

    @classmethod
    def read(cls, file: Path) -> "Declared":
        """`ValueError` for a file that says something else."""
        try:
            content: dict[str, Any] = json.loads(file.read_text())
            return cls(**content)
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{file}: {error}") from None

    @property
    def own(self) -> Sequence[str]:
        """Namespaces of the platform itself."""
        return [self.namespace, self.devices] if self.devices else [self.namespace]

    @property
    def namespaces(self) -> Sequence[str]:
        """The platform's own come first."""
        return [*self.own, *self.teams]
