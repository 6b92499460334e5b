"""The declared workloads, teams and pools: only declared objects can be reported as missing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Declared:
    """`endpoints` has namespace and model by name; `teams` are namespaces. `pools` are those with GPUs: the `labels` of
    their nodes, and whether they are `simulated`. `devices` is the namespace of components with access to GPU devices,
    if there are any. `queued` says whether jobs wait in queues."""

    stack: str
    namespace: str
    devices: str | None
    teams: Sequence[str]
    endpoints: Mapping[str, Mapping[str, str]]
    jobs: Mapping[str, Mapping[str, str]]
    pools: Mapping[str, Mapping[str, Any]]
    queued: bool

    @classmethod
    def read(cls, file: Path) -> "Declared":
        """`ValueError` if the file has another format."""
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
        """All namespaces, the platform's first."""
        return [*self.own, *self.teams]
