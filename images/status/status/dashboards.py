"""Dashboards as Grafana has them, as far as the page draws them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Query:
    """`legend` names a series, with `{{label}}` for a label's value."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """`kind` is Grafana's: `stat`, `timeseries` or `bargauge`."""

    kind: str
    title: str
    about: str
    unit: str
    whole: float | None
    queries: Sequence[Query]


@dataclass(frozen=True)
class Dashboard:
    uid: str
    title: str
    about: str
    panels: Sequence[Panel]


def read(folder: Path) -> list[Dashboard]:
    """All dashboards of a folder, in the order of their titles, the platform's first."""
    found = [_dashboard(json.loads(file.read_text())) for file in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda dashboard: (not dashboard.uid.endswith("overview"), dashboard.title))


def series_name(legend: str, labels: Mapping[str, str]) -> str:
    """What Grafana would call it; without a legend, its labels."""
    if legend:
        return _LABEL.sub(lambda match: labels.get(match[1], ""), legend).strip()
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name != "__name__") or "value"


def _dashboard(content: Mapping[str, Any]) -> Dashboard:
    panels = [_panel(panel) for panel in content.get("panels", [])]
    return Dashboard(content["uid"], content["title"], content.get("description", ""), panels)


def _panel(content: Mapping[str, Any]) -> Panel:
    field = content.get("fieldConfig", {}).get("defaults", {})
    queries = [Query(target["expr"], target.get("legendFormat", "")) for target in content.get("targets", [])]
    return Panel(
        kind=content["type"],
        title=content["title"],
        about=content.get("description", ""),
        unit=field.get("unit", "short"),
        whole=field.get("max"),
        queries=queries,
    )
