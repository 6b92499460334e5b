"""How docs/status.png is made: python -m tests.cluster.status_page.screenshot COPY PICTURE

COPY is what `make status HTML=COPY` wrote.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.cluster.status_page.browser import chromium, visit


def main(copy: Path, picture: Path) -> None:
    with chromium() as browser, visit(browser, copy.resolve().as_uri(), None) as seen:
        seen.page.screenshot(path=picture, full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
