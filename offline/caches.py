"""Images that stay on the machine when the local cluster goes: while they are not too many and the disk has room."""

import shutil
from pathlib import Path

from common import run

LARGEST, LEAST_FREE = 20 * 2**30, 10 * 2**30
"""Bytes. A cache that takes more, or is on a disk with less, is deleted."""


def is_worth_keeping(folder: Path) -> bool:
    """Whether the cache in this folder stays."""
    return shutil.disk_usage(folder).free >= LEAST_FREE and _size(folder) <= LARGEST


def _size(folder: Path) -> int:
    """Bytes on the disk."""
    return int(run.output(["du", "--summarize", "--one-file-system", "--block-size=1", folder]).split()[0])
