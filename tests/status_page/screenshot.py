"""How docs/status.png is made: python -m tests.status_page.screenshot COPY PICTURE

COPY is what `make status HTML=COPY` wrote.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.status_page.browser import CHROMIUM, visit


def main(copy: Path, picture: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with visit(browser, copy.resolve().as_uri(), None) as seen:
            seen.page.screenshot(path=picture, full_page=True)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
