"""Several runs of pytest as one: tests that failed are run once more, and the results are counted together."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

Pytest = Callable[[Sequence[str]], int]
"""Runs pytest with these arguments and returns its exit code."""

Lane = tuple[Pytest, Sequence[Sequence[str]]]
"""Runs of pytest, each with its arguments, one after the other."""

_PASSED, _FAILED = 0, 1
"""Any other exit code of pytest is about the run itself: interrupted, not collected, wrong arguments."""
_SIGNALLED = 128
"""As in a shell, the exit code of a process that signal 9 has ended is 128 + 9."""


@dataclass(frozen=True)
class Result:
    """Exit code, flaky tests, and the number of tests by outcome."""

    code: int
    seconds: float
    counts: dict[str, int]
    flaky: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The end of the run: flaky and failed tests, and a closing line as pytest's."""
        counted = ", ".join(f"{number} {outcome}" for outcome, number in self.counts.items() if number)
        closing = f" {counted or 'no tests ran'} in {self.seconds:.2f}s "
        return [
            *(f"flaky: {name}" for name in self.flaky),
            *(f"failed: {name}" for name in self.failed),
            closing.center(80, "="),
        ]


def run(lanes: Sequence[Lane], pytest: Pytest, allowed: int) -> Result:
    """Run the lanes side by side. Up to `allowed` tests may fail if they pass when `pytest` runs them once more.

    Tests of one file whose fixtures fail count as one: they share the fixture.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(lanes)) as threads:
        sessions = [_Session(Path(folder), number, lane[0]) for number, lane in enumerate(lanes)]
        code = max(threads.map(_all, sessions, [runs for _, runs in lanes]))
        again = _Session(Path(folder), len(lanes), pytest)
        counts = _counts([each for session in sessions for each in session.reports])
        failed, flaky = [name for session in sessions for name in session.failed()], []
        if code == _FAILED and 0 < sum(session.causes() for session in sessions) <= allowed:
            flaky = again.passing(failed)
            failed = [name for name in failed if name not in flaky]
            code = _FAILED if failed else _PASSED
            counts["failed"] -= len(flaky)
            counts["flaky"] = len(flaky)
    return Result(code, time.monotonic() - started, counts, flaky, failed)


def _all(session: "_Session", runs: Sequence[Sequence[str]]) -> int:
    """The first exit code that is not about tests ends all; else whether any test failed."""
    codes = []
    for arguments in runs:
        codes.append(session.run(*arguments))
        if codes[-1] not in (_PASSED, _FAILED):
            break
    return max(codes)


class _Session:
    """Runs of pytest with one cache, which knows the tests that failed, and a JUnit report each."""

    def __init__(self, folder: Path, number: int, pytest: Pytest) -> None:
        self._folder = folder / str(number)
        self._folder.mkdir()
        self._pytest = pytest
        self.reports: list[Path] = []

    def run(self, *arguments: str) -> int:
        self.reports.append(self._folder / f"{len(self.reports)}.xml")
        code = self._pytest([*arguments, "-o", f"cache_dir={self._folder}", f"--junitxml={self.reports[-1]}"])
        return code if code >= 0 else _SIGNALLED - code

    def failed(self) -> list[str]:
        """In the order in which they failed."""
        file = self._folder / "v" / "cache" / "lastfailed"
        return list(json.loads(file.read_text())) if file.exists() else []

    def causes(self) -> int:
        """How many things failed, at least."""
        return len({each for report in self.reports for each in _causes(report)})

    def passing(self, names: Sequence[str]) -> list[str]:
        """Run these tests by themselves. One that is skipped has not passed."""
        code = self.run(*names)
        found = _outcomes(self.reports[-1])
        if code not in (_PASSED, _FAILED) or found["skipped"] or sum(found.values()) != len(names):
            return []
        failed = self.failed()
        return [name for name in names if name not in failed]


def _counts(reports: Sequence[Path]) -> dict[str, int]:
    counts = {"failed": 0, "passed": 0, "skipped": 0}
    for report in reports:
        for outcome, number in _outcomes(report).items():
            counts[outcome] += number
    return counts


def _outcomes(report: Path) -> dict[str, int]:
    """An error in a fixture counts as a failure."""
    counts = {"failed": 0, "passed": 0, "skipped": 0}
    for _, outcomes in _cases(report):
        counts["failed" if outcomes & {"failure", "error"} else "skipped" if "skipped" in outcomes else "passed"] += 1
    return counts


def _causes(report: Path) -> set[tuple[str, str]]:
    """What failed: tests by file and name, and files whose fixtures failed."""
    found = set()
    for case, outcomes in _cases(report):
        file, name = str(case.get("classname")), str(case.get("name"))
        if "failure" in outcomes:
            found.add((file, name))
        elif "error" in outcomes:
            found.add((file, ""))
    return found


def _cases(report: Path) -> Iterator[tuple[ElementTree.Element, set[str]]]:
    """Each test of a run, and what came of it."""
    for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():
        yield case, {child.tag for child in case}
