"""A build context: its files, their digest, and the archive for the engine."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from offline.plugins.docker.engine import load_library

DEFAULT_DOCKERFILE = "Dockerfile"


@dataclass(frozen=True)
class BuildContext:
    """A folder and its Dockerfile, which may be outside of it; both relative to the program's folder."""

    folder: str
    dockerfile: str

    @property
    def relative_dockerfile(self) -> str:
        return os.path.relpath(Path(self.dockerfile).absolute(), Path(self.folder).absolute())

    def files(self) -> Iterator[str]:
        """The folder's files that `.dockerignore` does not exclude, in the order of a walk."""
        ignored = self._ignored()
        found = ignored.walk(self.folder) if ignored else _walk(Path(self.folder))
        paths = (path for path in found if not _is_folder(Path(self.folder, path)))
        yield from sorted(paths, key=lambda path: path.split("/"))

    def digest(self) -> str:
        """The `contextDigest` of pulumi-docker: a hash of names, modes and contents, without times."""
        total = hashlib.sha256()
        total.update(_entry(Path(self.dockerfile), DEFAULT_DOCKERFILE, "----------"))
        for path in self.files():
            file = Path(self.folder, path)
            total.update(_entry(file, path, _go_mode(file.lstat().st_mode)))
        return total.hexdigest()

    def archive(self) -> tuple[IO[bytes], str]:
        """The context as a tar file without owners, and the name of the Dockerfile in it."""
        inside = not self.relative_dockerfile.startswith("../")
        name = self.relative_dockerfile if inside else ".dockerfile"
        file = TemporaryFile()  # noqa: SIM115  the caller closes it
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in self.files():
                if path != name:
                    tar.add(Path(self.folder, path), path, recursive=False, filter=_without_owner)
            for folder in self._empty_folders():
                tar.add(Path(self.folder, folder), folder, recursive=False, filter=_without_owner)
            tar.add(Path(self.dockerfile).resolve(), name, filter=_without_owner)
        file.seek(0)
        return file, name

    def _empty_folders(self) -> list[str]:
        ignored = self._ignored()
        found = ignored.walk(self.folder) if ignored else _walk(Path(self.folder))
        folders = (path for path in found if _is_folder(Path(self.folder, path)))
        return [path for path in folders if not any(Path(self.folder, path).iterdir())]

    def _ignored(self) -> _Patterns | None:
        for name in (f"{self.dockerfile}.dockerignore", str(Path(self.folder, ".dockerignore"))):
            if Path(name).is_file():
                lines = [line.strip() for line in Path(name).read_text("utf-8-sig", "surrogateescape").splitlines()]
                return _Patterns([line for line in lines if line and not line.startswith("#")])
        return None


class _Patterns:
    """Docker's ignore patterns, by the Docker SDK's matcher (imported only if there is such a file)."""

    def __init__(self, lines: list[str]) -> None:
        load_library()
        from docker.utils.build import PatternMatcher

        self._matcher = PatternMatcher(lines)

    def walk(self, folder: str) -> Iterator[str]:
        yield from self._matcher.walk(folder)


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            yield Path(folder, name).relative_to(root).as_posix()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _entry(path: Path, name: str, mode: str) -> bytes:
    content = hashlib.sha256()
    kind = os.lstat(path).st_mode
    if mode.startswith("L"):
        content.update(os.fsencode(path.resolve(strict=True) if path.is_absolute() else _resolved(path)))
    elif stat.S_ISREG(kind) or stat.S_ISLNK(kind):
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                content.update(chunk)
    return os.fsencode(name) + mode.encode() + content.digest() + b"\0"


def _resolved(path: Path) -> str:
    """A link's target as a path relative to where we are, as Go's EvalSymlinks gives it for a relative path."""
    target = path.resolve(strict=True)
    folder = path.parent.resolve()
    return os.path.normpath(Path(path.parent, os.path.relpath(target, folder)))


def _go_mode(mode: int) -> str:
    """A file's mode as Go prints it, such as `-rwxr-xr-x`; a link is `Lrwxrwxrwx`."""
    marks = [(stat.S_ISLNK(mode), "L"), (stat.S_ISFIFO(mode), "p"), (stat.S_ISSOCK(mode), "S")]
    special = [(mode & stat.S_ISUID, "u"), (mode & stat.S_ISGID, "g"), (mode & stat.S_ISVTX, "t")]
    prefix = "".join(mark for present, mark in (*marks, *special) if present) or "-"
    return prefix + stat.filemode(stat.S_IFREG | (mode & 0o777))[1:]


def _without_owner(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info
