"""Failed tests are run once more: what then passes is flaky, what fails again fails the run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli import flaky

PASSES = "def test_passes(): pass\n"
FAILS = "def test_fails(): assert False\n"
FAILS_ONCE = """
import pathlib
import pytest
@pytest.mark.parametrize("name", {names})
def test_fails_once(name):
    marker = pathlib.Path(__file__).with_name(name)
    if not marker.exists():
        marker.touch()
        {outcome}
"""
SKIPPED_THEN = """
import pathlib
import pytest
def test_skipped():
    marker = pathlib.Path(__file__).with_name("skipped")
    if marker.exists():
        pytest.skip("the second time")
    marker.touch()
    assert False
"""
KILLED = "import os\ndef test_killed(): os.kill(os.getpid(), 9)\n"
BROKEN_FIXTURE = """
import pytest
@pytest.fixture
def broken():
    raise OSError("broken")
def test_broken(broken): pass
"""
FIXTURE_FAILS_ONCE = """
import pathlib
import pytest
@pytest.fixture(scope="module")
def world():
    marker = pathlib.Path(__file__).with_name("world")
    if not marker.exists():
        marker.touch()
        raise OSError("once")
@pytest.mark.parametrize("name", {names})
def test_in_the_world(world, name): pass
"""
NAMES = ["a", "b", "c", "d"]


def fails_once(*names: str) -> str:
    return FAILS_ONCE.format(names=list(names), outcome="assert False")


def result(folder: Path, *suites: str, allowed: int = 3, more: Sequence[str] = ()) -> flaky.Result:
    """Each suite is a run of pytest of its own; the first one is in a lane of its own."""

    def pytest_(arguments: Sequence[str]) -> int:
        command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder), *more, *arguments]
        return subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode

    for number, suite in enumerate(suites):
        (folder / f"test_{number}.py").write_text(suite)
    runs = [[f"test_{number}.py"] for number in range(len(suites))]
    return flaky.run([(pytest_, each) for each in (runs[:1], runs[1:]) if each], pytest_, allowed)


def test_a_run_that_passes(tmp_path: Path) -> None:
    done = result(tmp_path, PASSES, PASSES)
    assert (done.code, done.flaky, done.failed) == (0, [], [])
    (closing,) = done.lines()
    assert closing.strip("= ").startswith("2 passed in ")


def test_a_test_that_fails_once_is_listed_and_does_not_fail_the_run(tmp_path: Path) -> None:
    done = result(tmp_path, PASSES, fails_once("a"), PASSES)
    assert done.code == 0
    first, closing = done.lines()
    assert first == "flaky: test_1.py::test_fails_once[a]"
    assert closing.strip("= ").startswith("2 passed, 1 flaky in ")


def test_the_tests_of_a_fixture_that_fails_once_count_as_one(tmp_path: Path) -> None:
    done = result(tmp_path, FIXTURE_FAILS_ONCE.format(names=NAMES), fails_once("a"), allowed=2)
    assert done.code == 0
    assert len(done.flaky) == len(NAMES) + 1
    assert result(tmp_path, fails_once("b"), fails_once("c"), fails_once("d"), allowed=2).code == 1


def test_failures_of_several_runs_are_run_again(tmp_path: Path) -> None:
    done = result(tmp_path, fails_once("a"), fails_once("b"), more=["-n", "2"])
    assert done.code == 0
    assert done.flaky == ["test_0.py::test_fails_once[a]", "test_1.py::test_fails_once[b]"]


def test_a_test_that_fails_again_fails_the_run(tmp_path: Path) -> None:
    done = result(tmp_path, FAILS, fails_once("a") + PASSES)
    assert done.code == 1
    assert done.lines()[:2] == ["flaky: test_1.py::test_fails_once[a]", "failed: test_0.py::test_fails"]
    assert done.lines()[2].strip("= ").startswith("1 failed, 1 passed, 1 flaky in ")


@pytest.mark.parametrize(("failing", "code"), [(3, 0), (4, 1)])
def test_three_may_be_flaky_and_no_more(tmp_path: Path, failing: int, code: int) -> None:
    assert result(tmp_path, fails_once(*NAMES[:failing])).code == code


def test_nothing_is_run_again_where_that_was_not_asked_for(tmp_path: Path) -> None:
    done = result(tmp_path, fails_once("a"), allowed=0)
    assert (done.code, done.flaky, done.failed) == (1, [], ["test_0.py::test_fails_once[a]"])


def test_tests_are_run_again_in_the_order_of_their_file(tmp_path: Path) -> None:
    """Those of a stack's life depend on it."""
    done = result(tmp_path, PASSES, fails_once("b", "a"))
    assert (done.code, done.flaky) == (0, ["test_1.py::test_fails_once[b]", "test_1.py::test_fails_once[a]"])


@pytest.mark.parametrize("suites", [(KILLED, PASSES), (PASSES, KILLED), (PASSES, PASSES, KILLED)])
def test_a_run_that_is_killed_fails_whatever_the_others_do(tmp_path: Path, suites: Sequence[str]) -> None:
    assert result(tmp_path, *suites).code == 128 + 9


@pytest.mark.parametrize("suite", [SKIPPED_THEN, BROKEN_FIXTURE, "import nothing_of_this_name\n", "assert False\n"])
def test_what_does_not_pass_the_second_time_fails_the_run(tmp_path: Path, suite: str) -> None:
    done = result(tmp_path, PASSES, suite)
    assert done.code != 0
    assert done.flaky == []
