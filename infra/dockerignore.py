"""Which files of a folder are in its build context: the meaning of `.dockerignore`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path


def included(context: Path) -> Callable[[str], bool]:
    """Whether a file, named by its path inside `context`, is sent to the build. The last pattern that fits decides."""
    rules = [_rule(line) for line in _patterns(context / ".dockerignore")]

    def decide(path: str) -> bool:
        keep = True
        for excludes, pattern in rules:
            if pattern.match(path):
                keep = not excludes
        return keep

    return decide


def _patterns(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _rule(line: str) -> tuple[bool, re.Pattern[str]]:
    excludes = not line.startswith("!")
    pattern = line.removeprefix("!").strip().strip("/").removeprefix("./")
    # A pattern that fits a folder fits all that is in it.
    return excludes, re.compile(_regex(pattern) + r"(?:/.*)?$", re.DOTALL)


def _regex(pattern: str) -> str:
    tokens = re.split(r"(\*\*/?|\*|\?|\[[^\]]*\])", pattern)
    return "".join(_token(token) for token in tokens)


def _token(token: str) -> str:
    match token:
        case "**/":
            return r"(?:.*/)?"
        case "**":
            return r".*"
        case "*":
            return r"[^/]*"
        case "?":
            return r"[^/]"
    return token if token.startswith("[") else re.escape(token)
