"""The page of a sample platform, with much of what can be wrong, as people get it."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, expect

from cli.status_html import fetch, keep
from common.errors import CommandError
from infra.observability.dashboards import DASHBOARDS
from tests.cluster.status_page.browser import DESK, PHONE, Scheme, visit

LOGIN = ("admin", "sample")


@pytest.mark.parametrize(("scheme", "width"), [("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)])
def test_nothing_on_the_page_keeps_anybody_from_using_it(
    browser: Browser, sample: str, scheme: Scheme, width: int
) -> None:
    with visit(browser, sample, LOGIN, scheme, width) as seen:
        seen.open_all()
        assert seen.page.locator("svg[role=img]:visible").count() > 15, "the charts of all dashboards"
        assert seen.serious() == []
        assert seen.complaints == []
        assert not seen.too_wide()


def test_a_page_that_can_ask_nobody_is_as_usable(browser: Browser, sample_alone: str) -> None:
    with visit(browser, sample_alone, LOGIN) as seen:
        assert seen.section("Unavailable sources").count("cannot be reached") == 3
        assert seen.section("Endpoints").endswith("did not answer.")
        assert (seen.serious(), seen.complaints) == ([], [])


def test_a_broken_page_would_be_found(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "broken.html"
    file.write_text("<title>x</title><p style='color:#aaa'>pale</p><img src=missing.png><script>throw 1</script>")
    with visit(browser, file.as_uri(), None) as seen:
        assert {each.split(":")[0] for each in seen.serious()} >= {"color-contrast", "image-alt", "html-has-lang"}
        assert len(seen.complaints) >= 2


def test_every_panel_of_every_dashboard_is_drawn(browser: Browser, sample: str) -> None:
    with visit(browser, sample, LOGIN) as seen:
        seen.open_all()
        for dashboard in DASHBOARDS:
            drawn = seen.page.locator(f"#{dashboard.uid}")
            titles = {*drawn.locator("dt").all_inner_texts(), *drawn.get_by_role("heading", level=4).all_inner_texts()}
            assert titles == {panel.title for panel in dashboard.panels}
        assert seen.page.get_by_text("no data").count() == 0


def test_a_chart_is_told_in_words_too(browser: Browser, sample: str) -> None:
    with visit(browser, sample, LOGIN) as seen:
        figure = seen.page.get_by_role("figure").filter(has=seen.page.get_by_role("heading", name="CPU in use"))
        words = figure.get_by_role("img").get_attribute("aria-label") or ""
        head, *rows = figure.get_by_role("row").all_inner_texts()
        assert words.startswith("CPU in use, now: ")
        assert head.startswith("Series")
        assert all(row.split()[0] in words and "%" in row for row in rows)
        assert rows


def test_the_keyboard_reaches_everything(browser: Browser, sample: str) -> None:
    with visit(browser, sample, LOGIN) as seen:
        keyboard = seen.page.keyboard
        keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        keyboard.press("Enter")
        seen.page.wait_for_url("**/#main")
        seen.page.locator(".dashboards > details:not([open]) > summary").first.focus()
        keyboard.press("Enter")
        expect(seen.page.locator(".dashboards > details[open]")).to_have_count(2)


def test_what_a_number_means_is_a_key_or_a_touch_away(browser: Browser, sample: str) -> None:
    stats = {panel.title: panel for each in DASHBOARDS for panel in each.panels if panel.kind == "stat"}
    with visit(browser, sample, LOGIN) as seen:
        seen.open_all()
        for title, panel in stats.items():
            tile = seen.page.locator(".stats > div").filter(has=seen.page.locator("dt", has_text=title)).first
            assert panel.about in tile.inner_text()
        seen.page.reload()
        first = seen.page.locator(".stats details").first
        first.locator("summary").focus()
        expect(first.locator("p")).to_be_hidden()
        seen.page.keyboard.press("Enter")
        expect(first.locator("p")).to_be_visible()


def test_another_span_of_time_is_a_link_away(browser: Browser, sample: str) -> None:
    with visit(browser, sample, LOGIN) as seen:
        seen.page.get_by_role("link", name="a day", exact=True).click()
        seen.page.wait_for_url("**/?minutes=1440#charts")
        expect(seen.page.locator("[aria-current]")).to_have_text("a day")
        assert seen.complaints == []


def test_without_a_login_nothing_is_told(sample: str) -> None:
    for path in ("/", "/snapshot"):
        answer = requests.get(f"{sample}{path}", timeout=20)
        assert (answer.status_code, answer.text) == (401, "login required\n")


def test_a_kept_copy_needs_nothing_else(browser: Browser, sample: str, tmp_path: Path) -> None:
    file = tmp_path / "status.html"
    keep(file, fetch(sample, *LOGIN))
    with visit(browser, file.as_uri(), None) as seen:
        assert "words" in seen.section("Endpoints")
        assert seen.page.locator("svg[role=img]:visible").count() > 3
        assert seen.page.get_by_role("link", name="Refresh").count() == 0
        assert (seen.serious(), seen.complaints) == ([], [])


def test_a_copy_that_can_t_be_had_or_kept_is_told_in_a_line(sample: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        fetch(sample, "admin", "an old password")
    assert (refused.value.what, refused.value.why) == ("the status page refused the request", "401: login required")
    with pytest.raises(CommandError) as silent:
        fetch("http://127.0.0.1:9", *LOGIN)
    assert silent.value.what == "the status page does not answer"
    with pytest.raises(CommandError) as unwritten:
        keep(tmp_path / "missing" / "status.html", "text")
    assert unwritten.value.why == "No such file or directory"
    assert list(tmp_path.iterdir()) == []
