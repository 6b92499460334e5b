"""Who uses the local cluster: tests share it, and one that takes it down waits for those of other processes to end."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from common import paths


@contextmanager
def cluster_in_use(*, alone: bool = False) -> Iterator[None]:
    """Wait while another process uses the cluster alone; with `alone`, while one uses it at all."""
    paths.STATE.mkdir(parents=True, exist_ok=True)
    with (paths.STATE / "tests.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
