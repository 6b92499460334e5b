"""`make logs`: whose lines are asked for, and what is printed of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from cli.logs import Line, Wanted, found, is_simulated, lines, safe
from common.errors import CommandError
from infra.declaration.model import Platform
from tests.unit.declaration.samples import small

MORE: dict[str, Any] = {
    "training.digits-gpu": {"team": "vision", "image": "training", "model": "digits"},
    "batch": {"digits-report": {"team": "vision", "image": "training"}},
}
FOLDER = "/var/log/pods/"


def declared(**more: object) -> Platform:
    return Platform.model_validate(small(monitoring={"logs": {}}, **MORE, **more))


def is_found(query: str, file: str) -> bool:
    """As the store does: it is found by the first expression, and not by the second, which is negated."""
    wanted, *others = re.findall(r'\{file=~"([^"]*)"\}', query)
    return bool(re.fullmatch(wanted, file)) and not any(re.fullmatch(other, file) for other in others)


@pytest.mark.parametrize(
    ("file", "jobs", "endpoints"),
    [
        ("vision_digits-0a1b2c3d-x7k2p_uid/training/0.log", ["digits"], []),
        ("vision_digits-gpu-0a1b2c3d-x7k2p_uid/training/0.log", ["digits-gpu"], []),
        ("vision_digits-report-29400000-x7k2p_uid/batch/0.log", ["digits-report"], []),
        ("vision_digits-7c9f6d8b5-x7k2p_uid/serving/0.log", [], ["digits"]),
        ("speech_digits-0a1b2c3d-x7k2p_uid/training/0.log", [], []),
        ("ml-platform_digits-0a1b2c3d-x7k2p_uid/training/0.log", [], []),
    ],
)
def test_a_file_is_of_one_workload(file: str, jobs: list[str], endpoints: list[str]) -> None:
    names = ("digits", "digits-gpu", "digits-report")
    of_job = {name: found("dev", declared(), Wanted(name, None)) for name in names}
    assert [name for name, (_, query) in of_job.items() if is_found(query, FOLDER + file)] == jobs
    team, query = found("dev", declared(), Wanted(None, "digits"))
    assert is_found(query, FOLDER + file) == bool(endpoints)
    assert {team, *(team for team, _ in of_job.values())} == {"vision"}


def test_lines_since_a_time() -> None:
    assert found("dev", declared(), Wanted("digits-gpu", None, since="1h"))[1].endswith(" _time:1h")


def test_an_unknown_name_has_a_suggestion() -> None:
    with pytest.raises(CommandError, match="stack dev has no job 'digit'; did you mean"):
        found("dev", declared(), Wanted("digit", None))
    with pytest.raises(CommandError, match="stack dev has no endpoint 'digits-gpu'"):
        found("dev", declared(), Wanted(None, "digits-gpu"))


def test_a_training_and_a_batch_job_of_one_name_are_told_apart() -> None:
    both = declared(**{"batch.digits": {"team": "vision", "image": "training"}})
    line = "stack dev has 2 jobs 'digits'; write JOB=training/digits or JOB=batch/digits"
    with pytest.raises(CommandError, match=re.escape(line)):
        found("dev", both, Wanted("digits", None))
    files = {kind: f"{FOLDER}vision_digits-0a1b2c3d-x7k2p_uid/{kind}/0.log" for kind in ("training", "batch")}
    for kind in files:
        _, query = found("dev", both, Wanted(f"{kind}/digits", None))
        assert [name for name, file in files.items() if is_found(query, file)] == [kind]
    with pytest.raises(CommandError, match="no job 'batch/digits-gpu'"):
        found("dev", both, Wanted("batch/digits-gpu", None))


def test_pods_on_simulated_nodes_print_nothing() -> None:
    simulated = declared(**{"training.digits.pool": "a10g"})
    assert is_simulated(simulated, Wanted("digits", None))
    assert not is_simulated(simulated, Wanted("digits-gpu", None))
    assert not is_simulated(simulated, Wanted(None, "digits"))


@pytest.mark.parametrize(
    ("wanted", "title"),
    [
        (Wanted(None, None), "whose logs?"),
        (Wanted("digits", "digits"), "whose logs?"),
        (Wanted("digits", None, since="yesterday"), "SINCE=yesterday is no duration"),
        (Wanted("digits", None, since="1h | delete"), "no duration"),
        (Wanted("digits", None, lines=0), "LINES=0 is too few"),
    ],
)
def test_mistakes_are_named(wanted: Wanted, title: str) -> None:
    with pytest.raises(CommandError, match=re.escape(title)):
        wanted.require_valid()


def test_a_line_is_what_the_pod_printed() -> None:
    file = f"{FOLDER}vision_digits-0a1b2c3d-x7k2p_uid/training/0.log"
    written = [" two  spaces", "", '{"file": "/x"}', "a  b"]
    stored = [json.dumps({"file": file, "_msg": f"2026-11-28T08:00:00.1Z stdout F {text}"}) for text in written]
    read = list(lines([*stored, ""]))
    assert [line.text for line in read] == written
    assert {line.pod for line in read} == {"digits-0a1b2c3d-x7k2p"}


def test_a_terminal_gets_no_control_characters() -> None:
    assert safe("\x1b[2Jcleared\t\x07ä\r") == "[2Jcleared\tä"


def test_lines_are_in_the_order_in_which_they_were_written() -> None:
    """Of 05.1 seconds, and 1 and 2 nanoseconds later."""
    moments = ["2026-03-29T10:00:05.1", "2026-03-29T10:00:05.100000001", "2026-03-29T10:00:05.100000002"]
    for zone in ("Z", "+02:00", "-07:00"):
        written = [Line("", f"{moment}{zone}", "") for moment in moments]
        assert sorted(written, key=lambda line: line.moment) == written
