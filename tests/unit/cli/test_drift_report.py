"""How drift is shown: values, resources outside the cluster, text, Markdown, JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.drift import markdown, others, screen, values
from cli.drift.properties import get
from cli.drift.report import Drift, Report
from cli.printed import as_document
from common.pulumi import SECRET, SIGNATURE, property_keys

Object = dict[str, Any]


@pytest.mark.parametrize(
    ("value", "path", "text"),
    [
        (2, ("spec", "replicas"), "2"),
        ("a\n b", ("data", "x"), "a b"),
        ("x" * 200, ("data", "x"), "x" * 80 + "…"),
        (["a", "b"], ("spec", "args"), '["a", "b"]'),
        (True, ("automountServiceAccountToken",), "true"),
        ("v", ("env", 'k:{"name": "DB_PASSWORD"}', "value"), values.HIDDEN),
        ("postgres://user:pass@db/x", ("data", "url"), values.HIDDEN),
        ("{}", ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"), values.HIDDEN),
    ],
)
def test_values_are_short_and_what_looks_like_a_secret_is_hidden(value: Any, path: tuple[str, ...], text: str) -> None:
    assert values.shown(value, path) == text


def event(op: str, old: Object, new: Object, *changed: str) -> Object:
    urn = "urn:pulumi:dev::ml-platform::ml-platform:foundation:Local$docker:index/container:Container::registry"
    metadata = {"op": op, "urn": urn, "old": {"inputs": old}, "new": {"inputs": new} if new else None}
    return {"resOutputsEvent": {"metadata": {**metadata, "detailedDiff": {each: {} for each in changed}}}}


def test_resources_outside_the_cluster_are_described_by_the_engines_events() -> None:
    uploads = [{"content": {SIGNATURE: SECRET, "ciphertext": "[secret]"}}]
    logged = [
        {"resourcePreEvent": {}},
        event("same", {"mustRun": True}, {"mustRun": True}),
        event("update", {"mustRun": True, "uploads": uploads}, {"mustRun": False}, "mustRun", "uploads[0].content"),
        event("delete", {"mustRun": True}, {}),
    ]
    running, upload, gone = others.described(logged, "dev")
    assert (running.object, running.field) == ("docker:index/container:Container registry", "mustRun")
    assert (running.declared, running.found) == ("true", "false")
    assert (upload.declared, upload.found) == (values.HIDDEN, values.ABSENT)
    assert gone.kind == "deleted"
    assert gone.fix.startswith("in `make shell STACK=dev`: `pulumi refresh --target 'urn:pulumi:dev::")


def test_what_no_plugin_reads_is_named() -> None:
    types = ["docker:index/image:Image", "docker:index/volume:Volume", "aws:s3/bucket:Bucket", "pulumi:providers:aws"]
    resources = [{"type": each, "custom": True} for each in [*types, types[0], "random:index/randomPassword:X"]]
    assert [each["type"] for each in others.readable(resources)] == types[1:3]
    assert others.unreadable(resources) == ["2 of type docker:index/image:Image: its plugin does not read it"]


def test_properties_are_found_by_the_engines_paths() -> None:
    assert property_keys('tags["a.b"].c[0]') == ("tags", "a.b", "c", 0)
    assert get({"tags": {"a.b": {"c": [1]}}}, property_keys('tags["a.b"].c[0]')) == 1
    assert get({"a": []}, property_keys("a[0].b")) is None


CHANGED = Drift("changed", "Deployment vision/digits", "spec.replicas", "2", "1", "do this")
DELETED = Drift("deleted", "Service vision/digits", fix="do that")


@pytest.mark.parametrize(
    ("report", "code", "headline"),
    [
        (Report("dev", 290), 0, "no drift: 290 objects are as the state says"),
        (Report("dev", 290, [CHANGED, DELETED]), 2, "2 of 290 objects have drifted"),
        (Report("dev", 1, [CHANGED, CHANGED]), 2, "1 of 1 object has drifted"),
    ],
)
def test_a_report_has_an_exit_code_and_a_headline(report: Report, code: int, headline: str) -> None:
    assert (report.exit_code, report.headline()) == (code, headline)


def test_a_terminal_has_a_line_for_each_field_and_a_fix_for_each_object() -> None:
    report = Report("dev", 290, [CHANGED, DELETED], ["2 of type x: [why]"])
    assert list(screen.lines(report)) == [
        "[red]✗[/] Deployment vision/digits: spec.replicas: declared 2, found 1",
        "  [dim]do this[/]",
        "[red]✗[/] Service vision/digits: deleted",
        "  [dim]do that[/]",
        "[yellow]![/] not compared: 2 of type x: \\[why]",
        "[bold red]✗[/] stack dev: 2 of 290 objects have drifted",
    ]


def test_markdown_has_the_fields_the_fixes_and_what_was_not_compared() -> None:
    assert markdown.render(Report("dev", 290, [CHANGED, DELETED], ["2 of type x"])).splitlines() == [
        "## Drift in `dev`: 2 of 290 objects have drifted",
        "",
        "| object | field | declared | found |",
        "|---|---|---|---|",
        "| `Deployment vision/digits` | `spec.replicas` | `2` | `1` |",
        "| `Service vision/digits` | | | **deleted** |",
        "",
        "**Fix**",
        "",
        "- `Deployment vision/digits`: do this",
        "- `Service vision/digits`: do that",
        "",
        "- not compared: 2 of type x",
    ]


def test_what_others_have_written_is_quoted_and_a_long_report_is_cut() -> None:
    assert markdown.code("a|b\n@team") == "`a\\|b @team`"
    assert markdown.code("`x") == "`` `x ``"
    long = markdown.render(Report("dev", 1, [Drift("changed", "é" * 300, "f", "1", "2", "fix")] * 200))
    assert len(long.encode()) <= 60_000
    assert long.endswith("… cut: too long\n")


def test_json_is_the_report() -> None:
    found = json.loads(as_document(Report("dev", 3, [CHANGED], ["x"])))
    assert (found["stack"], found["compared"], found["not_compared"]) == ("dev", 3, ["x"])
    assert found["drift"][0] == {
        "kind": "changed",
        "object": "Deployment vision/digits",
        "field": "spec.replicas",
        "declared": "2",
        "found": "1",
        "fix": "do this",
    }
