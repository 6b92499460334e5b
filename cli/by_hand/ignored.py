"""Fields that the stack leaves to others: the paths of `ignoreChanges`, as Pulumi writes them."""

import re
from collections.abc import Collection

from cli.by_hand.fields import Path

_KEY = re.compile(r'\["([^"]*)"\]|\[(\*|\d+)\]|([^.\[\]]+)')
_ANY_ITEM = "*"


def is_ignored(path: Path, ignored: Collection[str]) -> bool:
    """Whether one of the paths is this field, or contains it. An index stands for each item of its list."""
    return any(_contains(_keys(each), path) for each in ignored)


def _keys(written: str) -> Path:
    """The keys of `spec.replicas`, `webhooks[*].clientConfig` or `metadata.labels["a.b/c"]`."""
    return tuple(quoted or (_ANY_ITEM if item else plain) for quoted, item, plain in _KEY.findall(written))


def _contains(outer: Path, path: Path) -> bool:
    return len(outer) <= len(path) and all(
        key in (_ANY_ITEM, own) for key, own in zip(outer, path[: len(outer)], strict=True)
    )
