"""The error that commands show to their user."""

import re
from collections.abc import Sequence
from pathlib import Path


class CommandError(Exception):
    """What failed, why, the log, and what to do next; printed without a traceback."""

    def __init__(self, what: str, why: str = "", *, log: Path | None = None, hint: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.log, self.hint = what, why, log, hint

    def lines(self) -> Sequence[tuple[str, str]]:
        """Label and text of each part that is set."""
        parts = [("failed", self.what), ("why", self.why), ("log", str(self.log or "")), ("next", self.hint)]
        return [(label, text) for label, text in parts if text]


_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def without_ansi(text: str) -> str:
    """The text without terminal control sequences, such as colours."""
    return _ANSI.sub("", text)


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, or an empty string if it does not exist."""
    try:
        return "\n".join(without_ansi(log.read_text(errors="replace")).splitlines()[-lines:])
    except OSError:
        return ""
