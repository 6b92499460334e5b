"""The build context of an image: a copy whose modes do not depend on the umask, and a hash of its content.

Docker stores the modes of the files in the image, and the docker plugin hashes them. A copy has the modes that Git
records, so the same commit gives the same image wherever it is checked out.
"""

from __future__ import annotations

import atexit
import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import pulumi

PREPARED = Path(".build-contexts")
"""In the project: the path is an input of the image, so it must be the same on every machine."""

_LENGTH = 16
_DOCKERFILE = "Dockerfile"
_IGNORE_FILES = (f"{_DOCKERFILE}.dockerignore", ".dockerignore")
_UNUSED_AFTER_S = 24 * 3600
_SPECIAL = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


@dataclass(frozen=True)
class BuildContext:
    """A copy of a folder that Docker builds from."""

    folder: str
    _files: hashlib._Hash

    def content_hash(self, args: Mapping[str, str]) -> str:
        """Equal for equal file names, contents, executable bits and arguments; ignores times, owners and umask."""
        digest = self._files.copy()
        for name, value in sorted(args.items()):
            _add(digest, name, "argument", value.encode())
        return digest.hexdigest()[:_LENGTH]


def prepare(context: str) -> BuildContext:
    """Copies the folder, unless a copy of the same content exists."""
    source = Path(context)
    try:
        digest = _hash(source)
        copy = _copy_name(source, digest)
        if not _is_used(PREPARED / copy):
            return _copied(source)
        return BuildContext(str(PREPARED / copy), digest)
    except OSError as error:
        place = _readable(error.filename or context)
        raise _refused(
            [f"{place}: {error.strerror}, so {context} can't be built; correct this and try again"]
        ) from None


def content_hash(context: str, args: Mapping[str, str]) -> str:
    """The hash of a folder that is not copied."""
    return BuildContext(context, _hash(Path(context))).content_hash(args)


def _hash(context: Path) -> hashlib._Hash:
    digest = hashlib.sha256()
    for path in _files(context):
        kind, content = _entry(context / path)
        _add(digest, path, kind, content)
    return digest


def _entry(file: Path) -> tuple[str, bytes]:
    if file.is_symlink():
        return "link", os.fsencode(file.readlink())
    return ("program" if _is_program(file) else "file"), file.read_bytes()


def _is_program(file: Path) -> bool:
    return bool(file.stat().st_mode & stat.S_IXUSR)


def _add(digest: hashlib._Hash, name: str, kind: str, content: bytes) -> None:
    """Each part is preceded by its length, so that different contents never produce the same bytes."""
    for part in (os.fsencode(name), kind.encode(), content):
        digest.update(f"{len(part)}:".encode())
        digest.update(part)


def _files(context: Path) -> Sequence[str]:
    """Files and links that are part of the build. What can't be part of it is refused."""
    keep = _included(context)
    files = sorted(path for path in _walk(context, keep) if path == _DOCKERFILE or keep(path))
    problems = [problem for path in files for problem in _problems(context, path, files)]
    if problems:
        raise _refused(problems)
    return files


def _walk(context: Path, keep: Callable[[str], bool]) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError) and keep(Path(error.filename).relative_to(context).as_posix()):
            raise error

    for folder, folders, files in os.walk(context, onerror=unreadable):
        folders[:] = [name for name in folders if Path(folder) / name != PREPARED]
        for name in [*files, *(name for name in folders if (Path(folder) / name).is_symlink())]:
            yield (Path(folder) / name).relative_to(context).as_posix()


def _problems(context: Path, path: str, files: Sequence[str]) -> Iterator[str]:
    file = context / path
    mode, fix = file.lstat().st_mode, f"delete it or exclude it in {_readable(str(context))}/.dockerignore"
    if kind := _SPECIAL.get(stat.S_IFMT(mode)):
        yield f"{_readable(str(file))}: {kind} can't be part of an image; {fix}"
    elif stat.S_ISLNK(mode) and not _leads_inside(context, file, files):
        target = _readable(str(file.readlink()))
        yield (
            f"{_readable(str(file))}: this link to '{target}' leads to no file of the build context; put a file there, "
            f"create the link in the Dockerfile, or {fix}"
        )


def _leads_inside(context: Path, link: Path, files: Sequence[str]) -> bool:
    """Whether the link means the same in a copy. The plugin fails at links that lead nowhere."""
    if link.readlink().is_absolute():
        return False
    target, root = Path(os.path.realpath(link)), Path(os.path.realpath(context))
    if not target.exists() or not target.is_relative_to(root):
        return False
    inside = target.relative_to(root)
    return any(PurePosixPath(file).is_relative_to(inside) for file in files)


def _refused(problems: Sequence[str]) -> pulumi.RunError:
    return pulumi.RunError("\n".join(problems))


def _readable(path: str) -> str:
    """A path that can be printed, whatever its bytes are."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _copied(source: Path) -> BuildContext:
    """Copied under another name first, so that an interrupted copy is never built."""
    folder = _folder_of_copies()
    _delete_unused(folder)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder))
    try:
        _fill(unfinished, source)
        digest = _hash(unfinished)
        finished = folder / _copy_name(source, digest)
        _rename(unfinished, finished)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)  # renamed, if all went well
    return BuildContext(str(finished), digest)


def _fill(copy: Path, source: Path) -> None:
    """The ignore files come along, though they may exclude themselves: Docker looks for them."""
    files = _files(source)
    for path in files:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        _copy(source / path, copy / path)
    for name in set(_IGNORE_FILES).difference(files):
        if (source / name).is_file():
            shutil.copyfile(source / name, copy / name)
    for folder, _, _ in os.walk(copy):
        Path(folder).chmod(0o755)


def _rename(unfinished: Path, finished: Path) -> None:
    try:
        unfinished.rename(finished)
    except OSError:
        if not finished.is_dir():  # else another run made the same copy
            raise


def _copy(source: Path, copy: Path) -> None:
    if source.is_symlink():
        copy.symlink_to(source.readlink())
        return
    shutil.copyfile(source, copy)
    copy.chmod(0o755 if _is_program(source) else 0o644)


def _copy_name(source: Path, digest: hashlib._Hash) -> str:
    return f"{source.name}-{digest.hexdigest()[:_LENGTH]}"


def _is_used(copy: Path) -> bool:
    """Whether the copy exists. If so, it counts as used now."""
    try:
        os.utime(copy)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
    return copy.is_dir()


_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def _folder_of_copies() -> Path:
    """In the project; of a project that can't be written to, a temporary folder."""
    try:
        PREPARED.mkdir(exist_ok=True)
        ignore_file = PREPARED / ".gitignore"
        if not ignore_file.exists():
            ignore_file.write_text("*\n")
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
    return PREPARED if os.access(PREPARED, os.W_OK) else _temporary_folder()


@cache
def _temporary_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="ml-platform-build-contexts-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # the system empties its folder for temporary files
    pulumi.log.warn(f"{Path.cwd()} can't be written to: images are built from {folder}, so they show as changed")
    return Path(folder)


def _delete_unused(folder: Path) -> None:
    """Copies that no run used for a day."""
    for copy in folder.iterdir():
        if copy.is_dir() and copy.stat().st_mtime < time.time() - _UNUSED_AFTER_S:
            shutil.rmtree(copy, ignore_errors=True)  # another run may delete it, too


def _included(context: Path) -> Callable[[str], bool]:
    """Whether a file, by its path in `context`, is part of the build context. The last matching pattern decides."""
    rules = [_rule(line) for line in _patterns(context)]

    def decide(path: str) -> bool:
        keep = True
        for excludes, pattern in rules:
            if pattern.match(path):
                keep = not excludes
        return keep

    return decide


def _patterns(context: Path) -> list[str]:
    """Of the Dockerfile's own ignore file, or else of the folder's."""
    found = next((context / name for name in _IGNORE_FILES if (context / name).is_file()), None)
    lines = found.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines() if found else []
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
