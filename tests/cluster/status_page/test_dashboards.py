"""Dashboards as data: what they ask for is collected, what they show has a unit, and Grafana can read them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from infra.catalogue.metrics import KNOWN, named_in
from infra.observability.dashboards import DASHBOARDS, as_json
from infra.observability.dashboards.panel import Dashboard, Panel
from tests.engine.images.engine import IMAGES

PANELS = [pytest.param(panel, id=f"{each.uid}: {panel.title}") for each in DASHBOARDS for panel in each.panels]


@pytest.fixture
def page_units(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """The status page's own module; it needs none of the image's packages."""
    monkeypatch.syspath_prepend(str(IMAGES / "status"))
    from status import units  # type: ignore[import-not-found]  # the image's own code, on the path for this test

    yield units
    for name in ("status", "status.units"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_asks_only_for_what_is_collected(panel: Panel) -> None:
    asked = [metric for query in panel.queries.values() for metric in named_in(query)]
    assert asked
    assert [metric for metric in asked if metric not in KNOWN] == []


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows(panel: Panel) -> None:
    assert panel.title
    assert panel.about.endswith(".")
    assert (panel.kind == "stat") <= (len(panel.queries) == 1)


def test_the_status_page_knows_every_unit(page_units: object) -> None:
    used = {panel.unit for each in DASHBOARDS for panel in each.panels}
    assert len(used) > 5
    assert [unit for unit in used if not page_units.known(unit)] == []  # type: ignore[attr-defined]


def test_titles_within_a_dashboard_and_addresses_are_each_there_once() -> None:
    assert len({each.uid for each in DASHBOARDS}) == len(DASHBOARDS) == 5
    for each in DASHBOARDS:
        assert len({panel.title for panel in each.panels}) == len(each.panels)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)
def test_grafana_gets_every_panel_with_its_query_unit_and_place(dashboard: Dashboard) -> None:
    content = json.loads(as_json()[f"{dashboard.uid}.json"])
    assert (content["uid"], content["title"], content["editable"]) == (dashboard.uid, dashboard.title, False)
    for panel, drawn in zip(dashboard.panels, content["panels"], strict=True):
        asked = {target["legendFormat"]: target["expr"] for target in drawn["targets"]}
        assert asked == panel.queries
        assert drawn["fieldConfig"]["defaults"]["unit"] == panel.unit
        assert drawn["datasource"]["uid"] == "${datasource}"
    places = [tuple(drawn["gridPos"].values()) for drawn in content["panels"]]
    assert len(set(places)) == len(places)


def test_the_same_definitions_make_the_same_bytes() -> None:
    assert as_json() == as_json()
    assert sum(map(len, as_json().values())) < 500_000, "a ConfigMap holds a megabyte at most"
