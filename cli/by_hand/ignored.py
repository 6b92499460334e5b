"""Fields that the stack leaves to others: the paths of `ignoreChanges`, as Pulumi writes them."""

from collections.abc import Collection

from cli.by_hand.fields import Path
from common.pulumi import property_keys

_ANY_ITEM = "*"


def is_ignored(path: Path, ignored: Collection[str]) -> bool:
    """Whether one of the paths is this field, or contains it. An index stands for each item of its list."""
    return any(_contains(_keys(each), path) for each in ignored)


def _keys(written: str) -> Path:
    return tuple(_ANY_ITEM if isinstance(key, int) else key for key in property_keys(written))


def _contains(outer: Path, path: Path) -> bool:
    return len(outer) <= len(path) and all(
        key in (_ANY_ITEM, own) for key, own in zip(outer, path[: len(outer)], strict=True)
    )
