"""API keys, one a line of a file. Without a file no key is required. As in images/serving."""

import hmac
from collections.abc import Sequence
from pathlib import Path

SCHEME = "bearer"


class NoKeys(Exception):
    """The file of keys can't be used; its text says why."""


def read_keys(path: str | None) -> tuple[str, ...]:
    """One key a line. A server that is configured to require a key does not start without any."""
    if not path:
        return ()
    try:
        keys = tuple(Path(path).read_text().split())
    except OSError as error:
        raise NoKeys(f"{path}: {error.strerror}") from None
    if not keys:
        raise NoKeys(f"{path} is empty")
    return keys


def admits(keys: Sequence[str], authorization: str | None) -> bool:
    """Whether an `Authorization` header has one of the keys. All are compared, in constant time."""
    if not keys:
        return True
    scheme, _, sent = (authorization or "").partition(" ")
    matches = [hmac.compare_digest(sent.strip().encode(), key.encode()) for key in keys]
    return scheme.lower() == SCHEME and any(matches)
