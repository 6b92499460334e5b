"""Pulumi's wire format, as far as both the commands and the stand-in plugins read it."""

import re

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks an object as a special value; its own value says which kind."""

SECRET = "1b47061264138c4ac30d75fd1eb44270"

UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""A text whose value is known only after an update."""

UNKNOWN_TEXTS = frozenset(
    {
        UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""One for each type: text, boolean, number, list, asset, archive, object."""


def urn_name(urn: str) -> str:
    """The resource's name in the program."""
    return urn.split("::", 3)[3]


def urn_type(urn: str) -> str:
    """The resource's own type token, without those of its parents."""
    return urn.split("::", 3)[2].rsplit("$", 1)[-1]


_KEY = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\[(\*)\]|([^.\[\]]+)')


def property_keys(path: str) -> tuple[str | int, ...]:
    """The keys of `tags["a.b"]` or `ingress[0].ports[*]`: indexes as numbers, `*` for each item of a list."""
    return tuple(int(index) if index else quoted or star or plain for quoted, index, star, plain in _KEY.findall(path))
