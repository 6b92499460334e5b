"""`make plan`: scenario files with mistakes, exit codes, and the three forms of a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from cli import __main__ as commands
from cli import preflight
from cli.capacity import markdown, screen
from cli.capacity.fleet import fleet
from cli.capacity.report import Report
from cli.capacity.scenario import Scenario, load
from cli.capacity.verdict import examine
from common import paths
from common.console import console
from common.errors import CommandError
from infra.declaration.model import Platform
from tests.examples import DEV, PROD, validated

HUGE = "runs: {huge: {team: vision, pool: a10g, gpus: 2}}"
"""No node of the pool has two GPUs."""


@pytest.fixture(scope="module")
def prod() -> Platform:
    return validated(PROD)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, prod: Platform) -> None:
    monkeypatch.setattr(console, "stderr", False)  # as it is again after the test
    monkeypatch.setattr(commands, "_prepare", lambda: None)
    monkeypatch.setattr(preflight, "declaration", lambda name, values: prod)


def file(folder: Path, content: str) -> Path:
    written = folder / "what-if.yaml"
    written.write_text(content)
    return written


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "is no mapping; write runs, endpoints, lost or taints"),
        ("[1]", "is no mapping; write runs, endpoints, lost or taints"),
        ("runs: [", "line 1, column 8: invalid YAML"),
        ("lsot: {}", "unknown setting 'lsot'; did you mean 'lost'?"),
        ("runs: {a: {count: 2}}", "runs.a: missing setting 'team'"),
        ("runs: {a: {team: visoin}}", "runs.a.team: team 'visoin' is not declared; did you mean 'vision'?"),
        ("runs: {a: {team: vision, pool: h1000}}", "runs.a.pool: pool 'h1000' is not declared; did you mean 'h100'?"),
        ("runs: {a: {team: vision, gpus: 1}}", "runs.a.gpus: only node pools have GPUs; write 'pool'"),
        ("runs: {a: {team: vision, count: 0}}", "runs.a.count: 0 is out of range; write at least 1"),
        ("runs: {a: {team: vision, count: two}}", "runs.a.count: expected a whole number, got 'two'"),
        ("runs: {a: {team: vision, priority: high}}", "runs.a.priority: does nothing without queues in the stack"),
        ("runs: {A: {team: vision}}", "runs.A: 'A' is not a valid Kubernetes name"),
        ("endpoints: {digit: 2}", "endpoints.digit: endpoint 'digit' is not declared; did you mean 'digits'?"),
        ("endpoints: {digits: 4}", "endpoints.digits: 4 is out of its range; write 3"),
        ("lost: {nodes: {a10g: 5}}", "lost.nodes.a10g: the pool has 4 nodes at most; write at most 4, or 100%"),
        ("lost: {nodes: {a10g: half}}", "lost.nodes.a10g: 'half' is not a number of nodes; write one such as 2"),
        ("lost: {nodes: {a10g: 0}}", "lost.nodes.a10g: 0 is not a number of nodes"),
        ("lost: {nodes: {a10g: 101%}}", "lost.nodes.a10g: '101%' is out of range; write 1% to 100%"),
        ("lost: {nodes: {a100: 1}}", "lost.nodes.a100: pool 'a100' is not declared"),
        ("lost: {zones: [eu-central-1d]}", "lost.zones.0: no pool has nodes in 'eu-central-1d'; did you mean"),
        ("taints: {cpu: [spot]}", "taints.cpu.0: 'spot' is not a taint; write key=value:Effect"),
        ("taints: {gpu: ['a=b:NoSchedule']}", "taints.gpu: pool 'gpu' is not declared"),
    ],
)
def test_a_mistake_in_a_scenario_is_named_with_its_place(
    tmp_path: Path, prod: Platform, content: str, line: str
) -> None:
    with pytest.raises(CommandError) as raised:
        load(file(tmp_path, content), prod)
    assert raised.value.what == f"{tmp_path / 'what-if.yaml'} is invalid"
    (said,) = raised.value.why.splitlines()
    assert said.startswith(line)
    assert raised.value.hint


def test_the_documentation_s_scenario_is_valid() -> None:
    page = (paths.REPOSITORY / "docs" / "plan.md").read_text()
    content = page.partition("```yaml\n")[2].partition("```")[0]
    found = Scenario.model_validate(yaml.safe_load(content))
    assert found.runs["vision-sweep"].count == 20
    assert found.lost.nodes == {"a10g": "50%"}


def test_all_mistakes_are_named_at_once(tmp_path: Path, prod: Platform) -> None:
    with pytest.raises(CommandError) as raised:
        load(file(tmp_path, "runs: {a: {team: x}}\nlost: {nodes: {y: 1}}"), prod)
    assert [line.partition(":")[0] for line in raised.value.why.splitlines()] == ["runs.a.team", "lost.nodes.y"]


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cant_be_read_is_an_error(tmp_path: Path, prod: Platform, name: str) -> None:
    with pytest.raises(CommandError) as raised:
        load(tmp_path / name, prod)
    assert raised.value.what == f"{tmp_path / name} can't be read"


@pytest.mark.usefixtures("command")
def test_the_exit_code_is_1_if_something_never_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["plan", "--quick", "--stack", "prod", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["name"] for row in rows} == {"serving/digits", "training/digits", "training/digits-gpu"}
    scenario = str(file(tmp_path, HUGE))
    assert commands.main(["plan", "--quick", "--stack", "prod", "--json", "--scenario", scenario]) == 1
    report = json.loads(capsys.readouterr().out)
    (huge,) = [row for row in report["rows"] if row["name"] == "scenario/huge"]
    assert [each["outcome"] for each in huge["verdicts"]] == ["never"] * 3
    assert huge["verdicts"][0]["reason"] == "NoSuchNode"
    assert report["scenario"] == scenario


@pytest.mark.usefixtures("command")
def test_a_mistake_ends_with_1_and_no_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["plan", "--quick", "--json", "--scenario", str(file(tmp_path, "lsot: {}"))]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "unknown setting 'lsot'" in said.err
    assert "Traceback" not in said.err


def on_screen(report: Report) -> str:
    recorded = Console(width=200)
    with recorded.capture() as captured:
        for part in screen.parts(report):
            recorded.print(part)
    return captured.get()


def report(platform: Platform, folder: Path, content: str = "") -> Report:
    found = load(file(folder, content), platform) if content else None
    return examine("prod", fleet(platform, found) if found else fleet(platform), "what-if.yaml" if content else "")


def test_markdown_and_screen_say_the_same(prod: Platform, tmp_path: Path) -> None:
    found = report(prod, tmp_path, HUGE)
    written, shown = markdown.render(found), on_screen(found)
    line = "scenario/huge: never fits: no node is large enough: a pod needs 2 GPUs"
    assert f"- ✗ {line}" in written
    assert line in shown
    headline = "2 of 4 workloads fit at every size, 1 can never run as declared, 1 can't be told by arithmetic"
    assert written.splitlines()[0] == f"## Plan of `prod` with `what-if.yaml`: {headline}"
    assert f"stack prod with what-if.yaml: {headline}" in shown


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_the_example_s_plan(prod: Platform, tmp_path: Path) -> None:
    # 1 of 4 A10Gs; the pool of reserved nodes is not used.
    table = rows(markdown.render(report(prod, tmp_path)))
    node = "pool a10g: 1 GPU, 7 CPUs, 27Gi memory (g5.2xlarge or g5.4xlarge)"
    assert ["`training/digits-gpu`", *["✓ 1 run"] * 3, "1 GPU, 4 CPUs, 16Gi memory", node] in table
    assert ["`a10g`", *["1 of 4 nodes, 1 GPU of 4 GPUs (25 %)"] * 2] in table
    assert ["`h100`", *["0 of 2 nodes, 0 GPUs of 16 GPUs (0 %)"] * 2] in table


def test_what_stops_first_is_named(prod: Platform, tmp_path: Path) -> None:
    found = report(prod, tmp_path, "runs: {many: {team: vision, pool: h100, gpus: 8, count: 3}}")
    # The namespace's quota has 8 GPUs, one of which digits-gpu uses.
    assert found.first_limit.startswith("scenario/many at 0 of 3: it needs 8 GPUs, of which the team can have 7 now")


def test_dev_s_nodes_for_pods_without_a_pool_are_not_declared() -> None:
    found = examine("dev", fleet(validated(DEV)))
    outcomes: dict[str, Any] = {row.name: {each.outcome for each in row.verdicts} for row in found.rows}
    unknown = {"unknown"}
    assert outcomes == {
        "serving/digits": unknown,
        "training/digits": unknown,
        "training/digits-gpu": {"fits"},
    }
