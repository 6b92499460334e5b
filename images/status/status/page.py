"""Renders the page: queries all sources concurrently, then Prometheus for charts. Shows which answers are missing."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import jinja2

from status import units
from status.asking import ask
from status.charts import Bar
from status.declared import Declared
from status.drawings import Drawing, draw
from status.sources import Alertmanager, Cluster, Prometheus

HERE = Path(__file__).parent
RANGES = {15: "15 minutes", 60: "an hour", 360: "6 hours", 1440: "a day", 10080: "a week"}
"""The selectable time ranges of charts, in minutes."""
DEFAULT_RANGE = 60
STYLE = (HERE / "templates" / "style.css").read_text()
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


class Page:
    """Reads its files for each request: a changed declaration needs no new pod."""

    def __init__(
        self, cluster: Cluster, prometheus: Prometheus, alertmanager: Alertmanager, declared: Path, dashboards: Path
    ) -> None:
        self._cluster, self._prometheus, self._alertmanager = cluster, prometheus, alertmanager
        self._declared, self._dashboards = declared, dashboards
        loader = jinja2.FileSystemLoader(HERE / "templates")
        self._templates = jinja2.Environment(
            loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
        )

    async def html(self, minutes: int, *, live: bool) -> str:
        """`live` pages have links to refresh; a snapshot has none."""
        now = datetime.now(UTC)
        seen = await ask(self._cluster, self._prometheus, self._alertmanager, Declared.read(self._declared), now)
        drawings = await draw(self._prometheus, self._dashboards, now.timestamp(), minutes * 60, seen)
        return self._templates.get_template("page.html").render(
            now=now,
            live=live,
            minutes=minutes,
            ranges=RANGES,
            seen=seen,
            dashboards=drawings,
            style=STYLE,
            unit_name=units.name,
            ticks=_ticks(now.timestamp(), minutes * 60),
            largest=_largest,
        )


def _ticks(end: float, seconds: float) -> list[str]:
    """Labels of the time axis: start, middle and end."""
    form = "%H:%M" if seconds <= 86400 else "%d %b"
    return [datetime.fromtimestamp(end - seconds * part, UTC).strftime(form) for part in (1, 0.5, 0)]


def _largest(drawing: Drawing, most: int = 12) -> tuple[Sequence[Bar], int]:
    """The bars to show, and the number of others."""
    return drawing.bars[:most], max(0, len(drawing.bars) - most)
