"""Removing what may still be in use for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable

from offline.plugins.provider import ProviderError

REMOVAL_SECONDS = 30


def remove_when_free(kind: str, identity: str, remove: Callable[[str], object], while_says: str) -> None:
    """Try until the engine no longer says that it is in use; one that is gone already is fine."""
    from docker.errors import APIError, NotFound

    deadline = time.monotonic() + REMOVAL_SECONDS
    while True:
        try:
            remove(identity)
            return
        except NotFound:
            return
        except APIError as error:
            if while_says not in str(error) or time.monotonic() > deadline:
                raise ProviderError(f"{kind} {identity} can't be removed: {error.explanation}") from error
        time.sleep(0.5)
