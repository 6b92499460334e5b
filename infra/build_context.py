"""A content hash of an image: the files of its build context and the build arguments."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

_LENGTH = 16


def content_hash(context: str, args: Mapping[str, str]) -> str:
    """Equal for equal file names, contents, executable bits and arguments; ignores times and owners."""
    digest = hashlib.sha256()
    for path in _files(Path(context)):
        kind, content = _entry(Path(context) / path)
        _add(digest, path, kind, content)
    for name, value in sorted(args.items()):
        _add(digest, name, "argument", value.encode())
    return digest.hexdigest()[:_LENGTH]


def _files(context: Path) -> Iterator[str]:
    keep = _included(context)
    found = (
        (Path(folder) / name).relative_to(context).as_posix()
        for folder, folders, files in os.walk(context)
        for name in [*files, *(name for name in folders if (Path(folder) / name).is_symlink())]
    )
    return iter(sorted(path for path in found if keep(path)))


def _entry(file: Path) -> tuple[str, bytes]:
    if file.is_symlink():
        return "link", os.fsencode(file.readlink())
    return ("program" if file.stat().st_mode & 0o100 else "file"), file.read_bytes()


def _add(digest: hashlib._Hash, name: str, kind: str, content: bytes) -> None:
    """Each part is preceded by its length, so that different contents never produce the same bytes."""
    for part in (name.encode(), kind.encode(), content):
        digest.update(f"{len(part)}:".encode())
        digest.update(part)


def _included(context: Path) -> Callable[[str], bool]:
    """Whether a file, by its path in `context`, is part of the build context. The last matching pattern decides."""
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
    # A pattern that matches a folder matches everything in it.
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
