"""The rows of the matrix that docs/security.md shows: `python -m tests.engine.deploy_role.page` writes them."""

from __future__ import annotations

import re

from common import paths
from tests.engine.deploy_role.matrix import SECTIONS, Row

FILE = paths.REPOSITORY / "docs" / "security.md"
_BEGIN, _END = "<!-- begin: what the deploy role may do -->\n", "<!-- end: what the deploy role may do -->\n"
_ANSWERS = {True: "yes", False: "no"}


def table() -> str:
    """One line a row."""
    lines = [line for section, rows in SECTIONS.items() for line in _section(section, rows())]
    head = "| | the deploy role | a role that it creates | the preview role |\n|---|---|---|---|\n"
    return f"{head}{''.join(lines)}"


def text() -> str:
    """The page with the table of today."""
    return re.sub(f"{_BEGIN}.*{_END}", lambda _: f"{_BEGIN}{table()}{_END}", FILE.read_text(), flags=re.DOTALL)


def _section(title: str, rows: list[Row]) -> list[str]:
    return [f"| **{title}** | | | |\n", *(_line(row) for row in rows if row.documented)]


def _line(row: Row) -> str:
    answers = (_ANSWERS[verdict is None] for verdict in (row.itself, row.made, row.preview))
    return f"| {row.does} | {' | '.join(answers)} |\n"


if __name__ == "__main__":
    FILE.write_text(text())
