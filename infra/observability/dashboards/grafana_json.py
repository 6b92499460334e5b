"""The dashboards as Grafana's JSON, laid out on its grid of 24 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import bargauge, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, VizOrientation
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from infra.observability.dashboards.endpoints import ENDPOINTS
from infra.observability.dashboards.gpus import POOLS
from infra.observability.dashboards.panel import Dashboard, Panel
from infra.observability.dashboards.platform import OVERVIEW
from infra.observability.dashboards.teams import TEAMS
from infra.observability.dashboards.training import TRAINING

DASHBOARDS: Sequence[Dashboard] = (OVERVIEW, POOLS, TEAMS, TRAINING, ENDPOINTS)

_DATASOURCE = DataSourceRef("prometheus", "${datasource}")
"""The data source that the viewer selects: an existing Grafana may have several."""

_Builder = stat.Panel | timeseries.Panel | bargauge.Panel


def as_json() -> Mapping[str, str]:
    """The JSON of each dashboard, by file name; deterministic."""
    return {
        f"{each.uid}.json": JSONEncoder(sort_keys=True, indent=1).encode(built(each).build()) for each in DASHBOARDS
    }


def built(declared: Dashboard) -> builders.Dashboard:
    """A dashboard in Grafana's model."""
    made = (
        builders.Dashboard(declared.title)
        .uid(declared.uid)
        .description(declared.about)
        .tags(["ml-platform"])
        .time("now-6h", "now")
        .refresh("1m")
        .readonly()
        .with_variable(builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for number, panel in enumerate(declared.panels, start=1):
        made = made.with_panel(_panel(panel).id(number))
    return made


def _panel(panel: Panel) -> _Builder:
    made = (
        _visualization(panel)
        .title(panel.title)
        .description(panel.about)
        .unit(panel.unit)
        .datasource(_DATASOURCE)
        .min(0)
    )
    if panel.whole is not None:
        made = made.max(panel.whole)
    for letter, (name, query) in zip("ABCDEFGH", panel.queries.items(), strict=False):
        target = prometheus.Dataquery().expr(query).legend_format(name).ref_id(letter)
        made = made.with_target(target.range() if panel.kind == "lines" else target.instant())
    return made


def _visualization(panel: Panel) -> _Builder:
    last = ReduceDataOptions().calcs(["lastNotNull"])
    if panel.kind == "stat":
        return stat.Panel().reduce_options(last).span(6).height(4)
    if panel.kind == "bars":
        return bargauge.Panel().reduce_options(last).orientation(VizOrientation.HORIZONTAL).span(8).height(8)
    legend = VizLegendOptions().display_mode(LegendDisplayMode.TABLE).placement(LegendPlacement.BOTTOM)
    return timeseries.Panel().legend(legend.show_legend(True).calcs(["lastNotNull", "min", "max"])).span(8).height(8)
