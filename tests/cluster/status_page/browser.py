"""A page as a person gets it: in a real browser, looked at by an accessibility checker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Browser, HttpCredentials, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
Scheme = Literal["light", "dark"]
DESK, PHONE = 1280, 390
"""Widths."""


@dataclass
class Visit:
    """A page that is open, and everything that the browser complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def serious(self) -> list[str]:
        """What the checker finds that keeps somebody from using the page."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {node['target']} {node['html'][:120]}"
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    def too_wide(self) -> bool:
        """Whether a person would have to scroll sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def open_all(self) -> None:
        """Everything that can be unfolded: what is hidden can't be checked."""
        self.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")

    def section(self, title: str) -> str:
        """The words of the section with this heading, in one line."""
        return " ".join(self.page.get_by_role("region", name=title, exact=True).inner_text().split())


@contextmanager
def chromium() -> Iterator[Browser]:
    """The distribution's own; a machine without it skips the test."""
    if not CHROMIUM.exists():
        pytest.skip(f"needs {CHROMIUM}; `make test` installs it where it can")
    with sync_playwright() as playwright:
        # Chromium's own sandbox is not for root.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def visit(
    browser: Browser, url: str, login: tuple[str, str] | None, scheme: Scheme = "light", width: int = DESK
) -> Iterator[Visit]:
    """Open it with a login, in a browser that knows nothing of earlier visits."""
    credentials = HttpCredentials(username=login[0], password=login[1]) if login else None
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}, http_credentials=credentials
    )
    try:
        page = context.new_page()
        seen = Visit(page)
        page.on("console", lambda message: seen.complaints.append(message.text))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("requestfailed", lambda request: seen.complaints.append(f"{request.url} failed"))
        page.goto(url)
        yield seen
    finally:
        context.close()
