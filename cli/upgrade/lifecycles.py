"""API versions that Kubernetes deprecates and removes, and those that a plan makes."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.components import component
from cli.finding import Finding
from cli.upgrade.versions import name
from common.pulumi import urn_name
from infra.declaration.aws.support import minor

_FILE = Path(__file__).parent / "api_lifecycles.toml"
_SHOWN = 3


@dataclass(frozen=True)
class Lifecycle:
    """From which minor versions on an API version is deprecated, and no longer served; `use` replaces it."""

    api_version: str
    kinds: Sequence[str]
    deprecated: int
    removed: int | None
    use: str


@dataclass(frozen=True)
class Made:
    """A Kubernetes object in a plan."""

    api_version: str
    kind: str
    name: str
    component: str


def lifecycles() -> Sequence[Lifecycle]:
    """The table."""
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))["apis"]
    return [
        Lifecycle(
            row["version"],
            row["kinds"],
            minor(row["deprecated"]),
            minor(row["removed"]) if "removed" in row else None,
            row["use"],
        )
        for row in rows
    ]


def made(steps: Sequence[Mapping[str, Any]]) -> Sequence[Made]:
    """The Kubernetes objects that the steps of a plan leave."""
    return [
        Made(step["inputs"]["apiVersion"], step["inputs"]["kind"], urn_name(step["urn"]), component(step))
        for step in steps
        if step["custom"]
        and step["type"].startswith("kubernetes:")
        and not step["operation"].startswith("delete")
        and "apiVersion" in step["inputs"]
    ]


@dataclass(frozen=True)
class Use:
    """Objects of a plan in an API version that is deprecated or removed."""

    lifecycle: Lifecycle
    objects: Sequence[Made]

    @property
    def what(self) -> str:
        """Such as `policy/v1beta1 PodDisruptionBudget`."""
        return f"{self.objects[0].api_version} {self.objects[0].kind}"

    @property
    def fix(self) -> str:
        """What the code of the component has to do."""
        replacement = self.lifecycle.use
        return f"use {replacement}" if replacement else "make the objects without it; nothing replaces it"

    def gone_in(self, version: int) -> bool:
        """Whether the version no longer serves it."""
        return self.lifecycle.removed is not None and self.lifecycle.removed <= version


def uses(objects: Sequence[Made], table: Sequence[Lifecycle], version: int) -> Sequence[Use]:
    """What `version` deprecates or no longer serves, by API version and kind."""
    found = []
    for row in table:
        for kind in row.kinds:
            own = [each for each in objects if (each.api_version, each.kind) == (row.api_version, kind)]
            if own and row.deprecated <= version:
                found.append(Use(row, own))
    return found


def findings(found: Sequence[Use], version: int) -> Iterator[Finding]:
    """A removed API version is blocking."""
    for use in found:
        gone, removed = use.gone_in(version), use.lifecycle.removed
        later = f"removed in {name(removed)}" if removed is not None else "no removal is announced"
        state = f"not served since {name(removed)}" if gone and removed is not None else f"deprecated, {later}"
        yield Finding(_place(use.objects), f"{use.what}: {state}", f"{use.fix} in infra/", blocking=gone)


def _place(objects: Sequence[Made]) -> str:
    """The components that make them, and some names."""
    components = ", ".join(sorted({each.component for each in objects}))
    names = ", ".join(each.name for each in objects[:_SHOWN])
    rest = f" and {len(objects) - _SHOWN} more" if len(objects) > _SHOWN else ""
    return f"component {components}: {names}{rest}"
