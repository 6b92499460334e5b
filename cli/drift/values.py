"""Values of fields as a report shows them: short, and never a secret."""

import json
import re
from typing import Any

from cli.by_hand import fields
from cli.by_hand.fields import Path
from infra.catalogue.secret_patterns import NAMES, VALUES, WORDS

HIDDEN = "(hidden)"
ABSENT = "(absent)"
_LONGEST = 80
_ITEM = "k:"
_NAME, _WORD = re.compile(NAMES), re.compile(WORDS)
_VALUES = [re.compile(pattern) for pattern in VALUES.values()]
_WHOLE_OBJECT = "kubectl.kubernetes.io/last-applied-configuration"
"""An annotation with all fields of the object."""


def shown(value: Any, path: Path, *, hidden: bool = False) -> str:
    """The value at a path on one line; `hidden` if the state or its kind says that it is a secret."""
    if fields.missing(value):
        return ABSENT
    if hidden or fields.is_secret(value) or _looks_like_a_secret(value, path):
        return HIDDEN
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _looks_like_a_secret(value: Any, path: Path) -> bool:
    """By its name, as far as it is a text, or by its form."""
    if isinstance(value, bool | int | float):
        return False
    named = any(_names_a_secret(name) for key in path for name in _names(key))
    return named or any(pattern.search(json.dumps(value)) for pattern in _VALUES)


def _names(key: str) -> list[str]:
    return [str(name) for name in json.loads(key.removeprefix(_ITEM)).values()] if key.startswith(_ITEM) else [key]


def _names_a_secret(name: str) -> bool:
    return name == _WHOLE_OBJECT or bool(_NAME.search(name) and not _WORD.search(name))
