"""The one issue of a stack's drift: opened, updated, and closed when the drift is gone. It runs the `gh` command."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common import run

LABEL = "drift"
_SOLVED = "The drift is gone."
_LIST = ("issue", "list", "--state", "open", "--label", LABEL, "--limit", "1000", "--json", "number,title")
_CREATE_LABEL = ("label", "create", LABEL, "--force", "--description", "A stack differs from its declaration")

Command = tuple[Sequence[str], str]
"""Arguments of `gh`, and its standard input."""


def title(stack: str) -> str:
    return f"Drift in {stack}"


def track(stack: str, body: str) -> list[str]:
    """Bring the issue of a stack up to date; `body` is empty if there is no drift. What was done, a line each."""
    opened = json.loads(_gh(_LIST, ""))
    return [_gh(*command).strip() for command in commands(stack, body, opened)]


def commands(stack: str, body: str, opened: Sequence[Mapping[str, Any]]) -> Iterator[Command]:
    """What to run, given the open issues with the label."""
    own = sorted(int(each["number"]) for each in opened if each["title"] == title(stack))
    if body and own:
        yield ("issue", "edit", str(own[0]), "--body-file", "-"), body
    elif body:
        yield _CREATE_LABEL, ""
        yield ("issue", "create", "--title", title(stack), "--label", LABEL, "--body-file", "-"), body
    for number in own[1:] if body else own:
        comment = f"Continued in #{own[0]}." if body else _SOLVED
        yield ("issue", "close", str(number), "--comment", comment), ""


def _gh(arguments: Sequence[str], stdin: str) -> str:
    return run.output(["gh", *arguments], stdin=stdin)
