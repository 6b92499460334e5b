"""Images: the order in which they are built, and when they are built again."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.build_context import PREPARED, BuildContext, content_hash, prepare
from offline.plugins.docker.context import BuildContext as PluginContext
from tests.unit.components.recorder import Recorder, created, inputs, platform
from tests.unit.declaration.samples import small

IMAGE = "docker:index/image:Image"
CONTEXT = "images/serving"


def tag(stack: Recorder, image: str) -> str:
    return str(inputs(stack, IMAGE, image)["imageName"])


def arguments(stack: Recorder, image: str) -> dict[str, str]:
    """The build arguments that the Dockerfile gets."""
    args = inputs(stack, IMAGE, image)["build"]["args"]
    return {name: value for name, value in args.items() if not name.startswith("BUILDKIT_")}


def test_everything_is_built_on_the_pushed_base() -> None:
    stack = platform(small(**{"images.serving.args": {"EXTRA": "1"}}))
    assert arguments(stack, "base") == {"BASE": "ml-platform/python:local"}
    assert arguments(stack, "serving") == {
        "BASE": "127.0.0.1:5000/ml-platform/base@sha256:base",
        "EXTRA": "1",
    }


def test_images_are_pushed_with_a_login() -> None:
    image = inputs(platform(small()), IMAGE, "training")
    assert image["registry"] == {
        "server": "127.0.0.1:5000",
        "username": "platform-0",
        "password": "password-of-registry-0",
    }
    assert image["imageName"].startswith("127.0.0.1:5000/ml-platform/training:")


def test_an_image_that_was_pushed_once_is_its_own_cache() -> None:
    image = inputs(platform(small()), IMAGE, "training")
    assert image["build"]["cacheFrom"] == {"images": [image["imageName"]]}
    assert image["build"]["args"]["BUILDKIT_INLINE_CACHE"] == "1"


def test_the_registrys_own_image_stays_in_the_engine() -> None:
    image = inputs(platform(small()), IMAGE, "registry")
    assert image["skipPush"] is True
    assert "registry" not in image


def test_a_changed_folder_changes_its_own_tag_only(root: Path) -> None:
    before = platform(small())
    (root / CONTEXT / "server.py").write_text("print()")
    after = platform(small())
    assert tag(before, "serving") != tag(after, "serving")
    assert tag(before, "training") == tag(after, "training")


def test_a_changed_base_changes_every_tag(root: Path) -> None:
    before = platform(small())
    (root / "images/base/more").write_text("")
    after = platform(small())
    assert [name for name in ("base", "training", "serving", "tracking") if tag(before, name) == tag(after, name)] == []


def test_the_hash_sees_names_contents_modes_links_and_arguments(root: Path) -> None:
    file = root / CONTEXT / "a"
    seen = {content_hash(CONTEXT, {})}
    for change in (
        lambda: file.write_text("x"),
        lambda: file.write_text("y"),
        lambda: file.chmod(0o755),
        lambda: file.rename(root / CONTEXT / "b"),
        lambda: file.symlink_to("b"),
    ):
        change()
        seen.add(content_hash(CONTEXT, {}))
    seen |= {content_hash(CONTEXT, {"A": "1"}), content_hash(CONTEXT, {"A": "2"})}
    assert len(seen) == 8


def test_the_hash_does_not_see_times(root: Path) -> None:
    before = content_hash(CONTEXT, {})
    (root / CONTEXT / "Dockerfile").touch()
    assert content_hash(CONTEXT, {}) == before


@pytest.mark.parametrize(
    ("pattern", "file", "counts"),
    [
        ("tests", "tests/test_a.py", False),
        ("/tests/", "tests/test_a.py", False),
        ("tests", "src/tests/a.py", True),
        ("**/tests", "src/tests/a.py", False),
        ("**/*.pyc", "a.pyc", False),
        ("**/*.pyc", "src/deep/a.pyc", False),
        ("*.pyc", "src/a.pyc", True),
        ("src/*", "src/deep/a", False),
        ("src/?.py", "src/a.py", False),
        ("src/?.py", "src/ab.py", True),
        ("src/[ab].py", "src/b.py", False),
        ("*\n!keep", "keep", True),
        ("*\n!src/keep", "src/other", False),
        ("# tests", "tests", True),
        ("a.c", "abc", True),
    ],
)
def test_ignored_files_do_not_count(root: Path, pattern: str, file: str, counts: bool) -> None:
    (root / CONTEXT / ".dockerignore").write_text(f"{pattern}\n")
    before = content_hash(CONTEXT, {})
    path = root / CONTEXT / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("something")
    assert (content_hash(CONTEXT, {}) != before) is counts


def test_an_image_of_the_platform_is_built_once_and_only_where_a_component_runs_it() -> None:
    without = created(platform(small()), IMAGE)
    assert without == ["base", "registry", "serving", "tracking", "training"]
    watched = created(platform(small(monitoring={})), IMAGE)
    assert sorted(set(watched) - set(without)) == ["gpu-simulator", "prometheus", "status"]
    assert len(watched) == len(set(watched))


def test_a_declared_image_is_built_though_nothing_runs_it(root: Path) -> None:
    folder = root / "images" / "spare"
    folder.mkdir()
    (folder / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    stack = platform(small(**{"images.spare": {}}))
    assert "spare" in created(stack, IMAGE)
    assert "spare" in stack.outputs["images"]


def test_the_dockerfile_counts_though_it_is_ignored(root: Path) -> None:
    (root / CONTEXT / ".dockerignore").write_text("*\n")
    before = content_hash(CONTEXT, {})
    (root / CONTEXT / "Dockerfile").write_text("FROM scratch\n")
    assert content_hash(CONTEXT, {}) != before


def test_the_dockerfiles_own_ignore_file_comes_first(root: Path) -> None:
    (root / CONTEXT / "Dockerfile.dockerignore").write_text("secret\n")
    (root / CONTEXT / ".dockerignore").write_text("more\n")
    (root / CONTEXT / "secret").write_text("")
    (root / CONTEXT / "more").write_text("")
    copy = Path(prepare(CONTEXT).folder)
    assert (copy / "more").exists()
    assert not (copy / "secret").exists()


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o027, 0o077])
def test_an_image_does_not_depend_on_the_umask(root: Path, umask: int) -> None:
    expected = _described(prepare(_context(root / "images" / "models", 0o022)))
    shutil.rmtree(root / PREPARED)
    before = os.umask(umask)
    try:
        actual = _described(prepare(_context(root / "images" / "models", umask)))
    finally:
        os.umask(before)
    assert actual == expected
    assert actual["modes"] == {".": 0o755, "Dockerfile": 0o644, "bin": 0o755, "bin/run": 0o755, "link": None}


def _context(folder: Path, umask: int) -> str:
    """As Git checks it out."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "bin").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "bin" / "run").write_text("#!/bin/sh\n")
    (folder / "link").symlink_to("bin/run")
    for path, mode in (("", 0o777), ("bin", 0o777), ("bin/run", 0o777), ("Dockerfile", 0o666)):
        (folder / path).chmod(mode & ~umask)
    return f"images/{folder.name}"


def _described(context: BuildContext) -> dict[str, object]:
    """All that the plugin and the engine see of it."""
    folder = Path(context.folder)
    modes = {path: path.stat().st_mode & 0o7777 for path in [folder, *folder.rglob("*")] if not path.is_symlink()}
    return {
        "path": context.folder,
        "tag": context.content_hash({}),
        "digest": PluginContext(context.folder, f"{context.folder}/Dockerfile").digest(),
        "modes": {path.relative_to(folder).as_posix(): mode for path, mode in modes.items()} | {"link": None},
    }


def test_a_copy_is_made_once_and_outlives_its_use_by_a_day(root: Path) -> None:
    copy = Path(prepare(CONTEXT).folder)
    made = copy.stat().st_ino
    assert Path(prepare(CONTEXT).folder).stat().st_ino == made
    assert (root / PREPARED / ".gitignore").read_text() == "*\n"
    (root / CONTEXT / "more").write_text("")
    prepare(CONTEXT)
    assert copy.exists()
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(copy, (two_days_ago, two_days_ago))
    (root / CONTEXT / "more").write_text("x")
    prepare(CONTEXT)
    assert not copy.exists()


def test_the_project_may_be_an_image_itself(root: Path) -> None:
    (root / "Dockerfile").write_text("FROM scratch\n")
    first = prepare(".")
    assert prepare(".").folder == first.folder
    assert not (Path(first.folder) / PREPARED).exists()


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES])
def test_a_project_that_cannot_be_written_to_is_built_from_elsewhere(
    root: Path, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *arguments: object, **options: object) -> None:
        if path == PREPARED:
            raise OSError(error, os.strerror(error), str(path))
        mkdir(path, *arguments, **options)

    mkdir: Any = Path.mkdir
    (root / CONTEXT / "file").write_text("content")
    monkeypatch.setattr(Path, "mkdir", refuse)
    copy = Path(prepare(CONTEXT).folder)
    assert copy.is_absolute()
    assert not copy.is_relative_to(root)
    assert (copy / "file").read_text() == "content"


def test_a_full_disk_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(PREPARED))

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(pulumi.RunError) as refused:
        prepare(CONTEXT)
    problem = f"No space left on device, so {CONTEXT} can't be built; correct this and try again"
    assert str(refused.value) == f"{PREPARED}: {problem}"


def test_names_are_bytes(root: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    (root / CONTEXT / name).write_text("content")
    before = content_hash(CONTEXT, {})
    copy = prepare(CONTEXT)
    assert (Path(copy.folder) / name).read_text() == "content"
    assert PluginContext(copy.folder, f"{copy.folder}/Dockerfile").digest()
    (root / CONTEXT / name).rename(root / CONTEXT / os.fsdecode(b"caf\xe8.txt"))
    assert content_hash(CONTEXT, {}) != before


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(path.parent):
        server.bind(path.name)


LEADS_NOWHERE = "leads to no file of the build context; put a file there, create the link in the Dockerfile, or "


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkfifo, "a FIFO can't be part of an image; "),
        (_socket, "a socket can't be part of an image; "),
        (lambda path: path.symlink_to("nowhere"), f"this link to 'nowhere' {LEADS_NOWHERE}"),
        (lambda path: path.symlink_to("odd\udce9"), f"this link to 'odd\\xe9' {LEADS_NOWHERE}"),
        (lambda path: path.symlink_to("/etc/passwd"), f"this link to '/etc/passwd' {LEADS_NOWHERE}"),
        (lambda path: path.symlink_to("../base/Dockerfile"), f"this link to '../base/Dockerfile' {LEADS_NOWHERE}"),
        (lambda path: path.symlink_to("ignored"), f"this link to 'ignored' {LEADS_NOWHERE}"),
        (lambda path: path.symlink_to("odd\udce8"), f"this link to 'odd\\xe8' {LEADS_NOWHERE}"),
        (lambda path: path.symlink_to(path.name), f"this link to 'odd\\xe8' {LEADS_NOWHERE}"),
    ],
)
def test_what_no_image_can_hold_is_named_unless_it_is_ignored(
    root: Path, make: Callable[[Path], None], what: str
) -> None:
    (root / CONTEXT / ".dockerignore").write_text("ignored\n")
    (root / CONTEXT / "ignored").write_text("")
    make(root / CONTEXT / os.fsdecode(b"odd\xe8"))
    with pytest.raises(pulumi.RunError) as refused:
        prepare(CONTEXT)
    fix = f"delete it or exclude it in {CONTEXT}/.dockerignore"
    assert str(refused.value) == f"{CONTEXT}/odd\\xe8: {what}{fix}"
    (root / CONTEXT / ".dockerignore").write_text("ignored\nodd*\n")
    assert prepare(CONTEXT)


def test_links_inside_the_context_are_copied_as_links(root: Path) -> None:
    (root / CONTEXT / "folder").mkdir()
    (root / CONTEXT / "folder" / "file").write_text("content")
    (root / CONTEXT / "folder" / "up").symlink_to("../link")
    (root / CONTEXT / "link").symlink_to("folder")
    copy = Path(prepare(CONTEXT).folder)
    assert (copy / "link").readlink() == Path("folder")
    assert (copy / "folder" / "up").readlink() == Path("../link")
