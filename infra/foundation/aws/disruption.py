"""When EKS Auto Mode (Karpenter) may replace nodes that are in use."""

from __future__ import annotations

from typing import Any

from infra.declaration.aws.system_pool import DAYS, length, minutes

_WEEK = 7 * 24 * 60


def in_the_window(window: str, reasons: list[str]) -> list[dict[str, Any]]:
    """Budgets: for these reasons no node outside of the window, and in it a tenth at a time."""
    day, minute = divmod(minutes(window.split("-")[1]), 24 * 60)
    closed = {
        "nodes": "0",
        "reasons": reasons,
        # Cron's week begins on Sunday.
        "schedule": f"{minute % 60} {minute // 60} * * {(day + 1) % len(DAYS)}",
        "duration": f"{_WEEK - length(window)}m",
    }
    return [closed, {"nodes": "10%"}]
