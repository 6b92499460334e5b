"""What a test of many attempts found, for whoever reads the run: pytest swallows what passing tests print."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.table import Table


def show(table: Table, config: pytest.Config, width: int = 220) -> None:
    """On the terminal, whether the test passes or not."""
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        console = Console(width=width)
        console.print()
        console.print(table)
