"""How a report is shown: text, Markdown, JSON, CNCF's submission, and the exit codes of the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cli import __main__ as commands
from cli.conformance import command, markdown, screen, submission
from cli.conformance.checklist import ITEMS, Item
from cli.conformance.report import Evidence, Outcome, Report, Result
from common.console import console
from common.errors import CommandError

AT = "2026-11-29T12:00:00Z"
GATEWAY, GANGS, DRA, PODS = (
    next(each for each in ITEMS if each.id == id_)
    for id_ in ("ai_inference", "gang_scheduling", "dra_support", "pod_security")
)


def report(*outcomes: tuple[Item, Outcome]) -> Report:
    return Report("dev", AT, {"kubernetes": "v1.34.4"}, [Result(item, outcome) for item, outcome in outcomes])


MIXED = report(
    (DRA, Outcome("not shown", "no driver")),
    (GATEWAY, Outcome("passed", "", [Evidence("GET /a|b", "Accepted=True", AT)])),
    (GANGS, Outcome("failed", "[some]", [Evidence("GET /workloads", "3 of 4", AT)])),
    (PODS, Outcome("error", "no answer")),
)


def test_a_terminal_has_a_line_for_each_item_with_its_reason_and_evidence() -> None:
    assert list(screen.lines(MIXED)) == [
        "[yellow]-[/] MUST     dra_support: not shown",
        "    no driver",
        "[green]✓[/] MUST     ai_inference: passed",
        "    [dim]GET /a|b → Accepted=True[/]",
        "[bold red]✗[/] MUST     gang_scheduling: failed",
        "    \\[some]",
        "    [dim]GET /workloads → 3 of 4[/]",
        "[bold red]?[/] PLATFORM pod_security: error",
        "    no answer",
        f"[dim]CNCF AI conformance v1.36; kubernetes v1.34.4; {AT}[/]",
        "[bold]stack dev: 1 passed, 1 failed, 1 error, 1 not shown; of 3 MUST: 1 passed, 1 failed, 1 not shown[/]",
    ]


def test_markdown_has_a_table_of_items_and_their_evidence() -> None:
    text = markdown.render(MIXED)
    assert text.startswith("## AI conformance of `dev`: 1 passed, 1 failed, 1 error, 1 not shown")
    assert "| gang_scheduling | MUST | **failed** | `[some]` |" in text.splitlines()
    assert f"| `GET /a\\|b` | `Accepted=True` | {AT} |" in text.splitlines()
    assert "### pod_security" not in text, "it has no evidence"


def test_a_submission_has_the_shape_of_cncf_s_and_claims_only_what_passed() -> None:
    found = yaml.safe_load(submission.render(MIXED))
    assert found["metadata"]["kubernetesVersion"] == "v1.36"
    assert found["spec"].keys() == {"networking", "schedulingOrchestration"}, "neither ours nor an older list's"
    (gateway,), (gangs,) = found["spec"].values()
    assert gateway == {
        "id": "ai_inference",
        "description": GATEWAY.asks,
        "level": "MUST",
        "status": "Implemented",
        "evidence": [f"{AT} GET /a|b: Accepted=True"],
        "notes": "",
    }
    assert (gangs["status"], gangs["notes"]) == ("Not Implemented", "failed: [some]")
    (waiting,) = yaml.safe_load(submission.render(report((GANGS, Outcome("not shown", "no queue")))))["spec"].values()
    assert (waiting[0]["status"], waiting[0]["notes"]) == ("", "not shown: no queue")


def test_json_is_the_report() -> None:
    found = json.loads(command.as_document(MIXED))
    assert (found["stack"], found["at"], found["versions"], found["exit_code"]) == ("dev", AT, MIXED.versions, 1)
    assert found["results"][1]["item"]["id"] == "ai_inference"
    assert found["results"][1]["outcome"] == {
        "verdict": "passed",
        "reason": "",
        "evidence": [{"ran": "GET /a|b", "saw": "Accepted=True", "at": AT}],
    }


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "stderr", False)  # as it is again after the test
    monkeypatch.setattr(commands, "_prepare", lambda: None)


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize(
    ("outcome", "code"), [(Outcome("passed"), 0), (Outcome("failed", "x"), 1), (Outcome("error", "x"), 2)]
)
def test_a_pipeline_sees_the_result_by_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, outcome: Outcome, code: int
) -> None:
    monkeypatch.setattr(command, "_report", lambda name: report((GATEWAY, outcome)))
    file = tmp_path / "conformance.yaml"
    assert commands.main(["conformance", "--json", "--out", str(file)]) == code
    assert json.loads(capsys.readouterr().out)["exit_code"] == code
    assert list(yaml.safe_load(file.read_text())) == ["metadata", "spec"]


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--stack", "unknown"], "no stack unknown"),
        (["--out", "report.txt"], "no report has the suffix '.txt'"),
        (["--out", "/nowhere/report.md"], "/nowhere/report.md can't be written"),
    ],
)
def test_an_error_is_no_failed_item(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    if "unknown" not in arguments:
        monkeypatch.setattr(command, "_report", lambda name: report())
    assert commands.main(["conformance", *arguments]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.usefixtures("prepared")
def test_an_interrupt_is_no_failed_item(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(name: str) -> Report:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_report", stopped)
    assert commands.main(["conformance"]) == 2


@pytest.mark.parametrize("arguments", [["--unknown"], ["--json", "--markdown"]])
def test_a_mistake_on_the_command_line_is_an_error_and_no_failed_item(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.main(["conformance", *arguments])
    assert ended.value.code == 2


def test_other_commands_keep_their_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise CommandError("no home")

    monkeypatch.setattr(commands, "_prepare", fails)
    assert [commands.main([name]) for name in ("drift", "conformance")] == [1, 2]
