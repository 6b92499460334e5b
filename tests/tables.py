"""Tables of results on the terminal: pytest captures the output of passing tests."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.table import Table


def show(table: Table, config: pytest.Config, width: int = 220) -> None:
    """Print a table whether the test passes or not."""
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        console = Console(width=width)
        console.print()
        console.print(table)
