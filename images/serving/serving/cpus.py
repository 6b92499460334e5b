"""How many CPUs this process may use: those of its affinity, and no more than its container's limit."""

import math
import os
from pathlib import Path

CONTROL_GROUP = Path("/sys/fs/cgroup")


def available_cpus(folder: Path = CONTROL_GROUP) -> int:
    cpus = len(os.sched_getaffinity(0))
    quota, period = v2_quota(folder) or v1_quota(folder) or ("max", "")
    return max(1, min(cpus, math.ceil(int(quota) / int(period)))) if quota.isdigit() else cpus


def v2_quota(folder: Path) -> tuple[str, str] | None:
    """The time that the container may use in each period; `max` if unlimited."""
    file = folder / "cpu.max"
    if not file.is_file():
        return None
    quota, period = file.read_text().split()
    return quota, period


def v1_quota(folder: Path) -> tuple[str, str] | None:
    """-1 if unlimited."""
    quota, period = folder / "cpu/cpu.cfs_quota_us", folder / "cpu/cpu.cfs_period_us"
    if not quota.is_file():
        return None
    return quota.read_text().strip(), period.read_text().strip()
