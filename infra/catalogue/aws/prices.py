"""AWS's list prices of December 2025 for on-demand Linux in us-east-1, in US dollars per hour.

Other regions cost up to 50 % more; spot and reserved machines cost less. That is precise enough to catch a typo of one
zero, and it is not a bill. Add a type that is missing to `prices.json` by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("prices.json")


@cache
def prices() -> Mapping[str, float]:
    """US dollars per hour, by instance type."""
    found: dict[str, float] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found
