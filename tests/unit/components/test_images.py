"""Images: the order in which they are built, and when they are built again."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.build_context import content_hash
from tests.unit.components.recorder import Recorder, created, inputs, platform
from tests.unit.declaration.samples import small

IMAGE = "docker:index/image:Image"
CONTEXT = "images/serving"


def tag(stack: Recorder, image: str) -> str:
    return str(inputs(stack, IMAGE, image)["imageName"])


def test_everything_is_built_on_the_pushed_base() -> None:
    stack = platform(small(**{"images.serving.args": {"EXTRA": "1"}}))
    assert inputs(stack, IMAGE, "base")["build"]["args"] == {"BASE": "ml-platform/python:local"}
    assert inputs(stack, IMAGE, "serving")["build"]["args"] == {
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
