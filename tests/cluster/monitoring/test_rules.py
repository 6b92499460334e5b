"""Every rule in Prometheus's test runner: what makes it fire, what does not, and not before its `for`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from common import paths
from infra.catalogue.alerts.alert import OF_NAMESPACE, OF_NAMESPACE_OR_PLATFORM
from infra.catalogue.alerts.gateway import CANARY_ALERTS
from infra.catalogue.alerts.idle import ALERTS as IDLE_ALERTS
from infra.catalogue.alerts.monitoring import WATCHDOG
from infra.catalogue.metrics import KNOWN, named_in
from infra.catalogue.names import PLATFORM
from infra.declaration.alerts import ALERTS
from infra.declaration.monitoring import Monitoring
from infra.observability.prometheus_config import prometheus_config
from infra.observability.rules_file import rules_file
from tests.cluster.monitoring.cases import CASES, Case, Series
from tests.cluster.monitoring.tools import Promtool

RUNBOOKS = paths.REPOSITORY / "docs" / "runbooks"


def write(folder: Path, settings: Monitoring, name: str = "rules.yml") -> Path:
    file = folder / name
    file.write_text(yaml.safe_dump(rules_file(settings, {"digits": "vision"})))
    return file


def asked(series: Series, alert: str, minutes: float, expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": f"{round(minutes * 60)}s", "alertname": alert, "exp_alerts": expected},
        ],
    }


def told(case: Case) -> dict[str, Any]:
    return {
        "exp_labels": {"severity": case.severity, "team": case.team, **case.labels},
        "exp_annotations": {"summary": case.summary, "runbook_url": f"docs/runbooks/{case.alert}.md"},
    }


def test_every_alert_fires_when_it_should_and_not_otherwise(promtool: Promtool) -> None:
    """In one run, since promtool takes a second to start."""
    windows = sorted({case.slo_window for case in CASES})
    for window in windows:
        rules = write(promtool.folder, Monitoring.model_validate({"sloWindow": window}), f"rules-{window}.yml")
        tests = [test for case in CASES if case.slo_window == window for test in both_sides(case)]
        document = {"rule_files": [rules.name], "evaluation_interval": "1m", "tests": tests}
        (promtool.folder / f"tests-{window}.yml").write_text(yaml.safe_dump(document))
    answer = promtool.run("test", "rules", *(f"tests-{window}.yml" for window in windows))
    assert answer.code == 0, answer.text


def both_sides(case: Case) -> list[dict[str, Any]]:
    found = [
        asked(case.fires, case.alert, case.minutes, [told(case)]),
        asked(case.quiet, case.alert, case.minutes, []),
    ]
    return [*found, asked(case.fires, case.alert, 1, [])] if ALERTS[case.alert].for_ > 60 else found


def test_a_declared_threshold_decides_whether_an_alert_fires(promtool: Promtool) -> None:
    """98 % of used memory, with the default of 0.95 and with 0.99."""
    (case,) = [each for each in CASES if each.alert == "GpuMemoryNearlyFull"]
    settings = {"alerts": {"GpuMemoryNearlyFull": {"threshold": 0.99}}}
    for name, declared, expected in (("default", {}, [told(case)]), ("declared", settings, [])):
        write(promtool.folder, Monitoring.model_validate(declared), f"rules-{name}.yml")
        document = {
            "rule_files": [f"rules-{name}.yml"],
            "evaluation_interval": "1m",
            "tests": [asked(case.fires, case.alert, case.minutes, expected)],
        }
        (promtool.folder / f"tests-{name}.yml").write_text(yaml.safe_dump(document))
    answer = promtool.run("test", "rules", "tests-default.yml", "tests-declared.yml")
    assert answer.code == 0, answer.text


def test_the_runner_notices_an_alert_that_does_not_fire(promtool: Promtool) -> None:
    """Proves that the tests above can fail."""
    write(promtool.folder, Monitoring())
    case = CASES[0]
    document = {"rule_files": ["rules.yml"], "tests": [asked(case.quiet, case.alert, case.minutes, [told(case)])]}
    (promtool.folder / "tests.yml").write_text(yaml.safe_dump(document))
    answer = promtool.run("test", "rules", "tests.yml")
    assert answer.code != 0
    assert "GpuXidError" in answer.text


def test_every_alert_has_a_case_and_a_page() -> None:
    elsewhere = {alert.name for alert in (*IDLE_ALERTS, *CANARY_ALERTS)} | {WATCHDOG}
    assert {case.alert for case in CASES} | elsewhere == set(ALERTS)
    assert {file.stem for file in RUNBOOKS.glob("*.md")} - {"README"} == set(ALERTS)


def listed() -> list[list[str]]:
    """The cells of the table of alerts, without its header."""
    lines = [line for line in (RUNBOOKS / "README.md").read_text().splitlines() if line.startswith("| [")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_runbooks_has_each_alert_once_with_its_severity_and_team() -> None:
    notified = {PLATFORM: "platform", OF_NAMESPACE: "team", OF_NAMESPACE_OR_PLATFORM: "team, else platform"}
    expected = [[f"[{alert.name}]({alert.name}.md)", alert.severity, notified[alert.team]] for alert in ALERTS.values()]
    assert sorted(row[:3] for row in listed()) == sorted(expected)
    assert all(len(row) == 4 and row[3] for row in listed())


def test_every_metric_in_a_rule_is_known() -> None:
    queries = [
        rule["expr"] for group in rules_file(Monitoring(), {"digits": "vision"})["groups"] for rule in group["rules"]
    ]
    assert [name for query in queries for name in named_in(query) if name not in KNOWN] == []


def test_the_whole_configuration_is_what_prometheus_reads(promtool: Promtool) -> None:
    write(promtool.folder, Monitoring())
    config = prometheus_config(
        Monitoring(), "dev", "ml-platform", ["vision"], "alertmanager", gateway="ml-platform-gateway"
    )
    (promtool.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    answer = promtool.run("check", "config", "--syntax-only", "prometheus.yml")
    assert answer.code == 0, answer.text


@pytest.mark.parametrize(
    ("settings", "alert", "key", "value"),
    [
        ({"alerts": {"NodeNotReady": {"for": "7m"}}}, "NodeNotReady", "for", "420s"),
        (
            {"rules": {"QueueLong": {"expr": "up == 0", "for": "1m", "team": "vision", "summary": "long"}}},
            "QueueLong",
            "labels",
            {"severity": "warning", "team": "vision"},
        ),
    ],
)
def test_what_is_declared_is_in_the_rules(settings: dict[str, Any], alert: str, key: str, value: object) -> None:
    document = rules_file(Monitoring.model_validate(settings), {"digits": "vision"})
    (rule,) = [rule for group in document["groups"] for rule in group["rules"] if rule.get("alert") == alert]
    assert rule[key] == value


def test_an_endpoint_has_its_own_objective() -> None:
    settings = Monitoring.model_validate({"objectives": {"digits": {"availability": 99.9, "latency": "1s"}}})
    document = rules_file(settings, {"digits": "vision", "letters": "speech"})
    recorded = {
        (rule["record"], rule["labels"]["endpoint"]): (rule["expr"], rule["labels"].get("le"))
        for group in document["groups"]
        for rule in group["rules"]
        if "endpoint" in rule.get("labels", {})
    }
    assert recorded["serving:error_budget:ratio", "digits"] == ("vector(0.001)", None)
    assert recorded["serving:error_budget:ratio", "letters"] == ("vector(0.005)", None)
    assert recorded["serving:latency_bucket:info", "digits"] == ("vector(1)", "1.0")
    assert recorded["serving:latency_bucket:info", "letters"] == ("vector(1)", "0.5")
