"""A difference as lines of text: long values by the part that differs."""

import json
from collections.abc import Iterator
from difflib import unified_diff

from cli.pull_request.differences import Difference

LONGEST_VALUE = 120
MOST_LINES = 12
_BEFORE = 30
"""Characters of context before the first one that differs."""


def lines(difference: Difference) -> Iterator[str]:
    """A line with both values; of texts with several lines, those that differ."""
    before, after = difference.before, difference.after
    if isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        yield f"{difference.path}:"
        yield from (f"    {line}" for line in _changed_lines(before, after))
    else:
        old, new = _text(before), _text(after)
        start = max(_alike(old, new) - _BEFORE, 0) if max(len(old), len(new)) > LONGEST_VALUE else 0
        yield f"{difference.path}: {_cut(old, start)} => {_cut(new, start)}"


def _alike(old: str, new: str) -> int:
    """How many characters both begin with."""
    pairs = zip(old, new, strict=False)
    return next((position for position, (one, other) in enumerate(pairs) if one != other), min(len(old), len(new)))


def _changed_lines(before: str, after: str) -> Iterator[str]:
    compared = list(unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    changed = [line for line in compared if not line.startswith("@@")]
    yield from (f"{line[0]} {_cut(line[1:], 0)}" for line in changed[:MOST_LINES])
    if len(changed) > MOST_LINES:
        yield f"… {len(changed) - MOST_LINES} more lines"


def _text(value: object) -> str:
    return "(absent)" if value is None else json.dumps(value, ensure_ascii=False)


def _cut(text: str, start: int) -> str:
    """At most `LONGEST_VALUE` characters; `start` is where to begin, unless all fits."""
    if len(text) <= LONGEST_VALUE:
        return text
    shown = text[start : start + LONGEST_VALUE]
    rest = "…" if start + LONGEST_VALUE < len(text) else ""
    return f"{'…' if start else ''}{shown}{rest} ({len(text)} characters)"
