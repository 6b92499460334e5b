"""A report in the shape of CNCF's PRODUCT.yaml, to be completed by who submits it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cli.conformance.checklist import VERSION
from cli.conformance.report import Report, Result, Verdict
from infra.catalogue.names import PROJECT

_STATUS: Mapping[Verdict, str] = {"passed": "Implemented", "failed": "Not Implemented", "error": "", "not shown": ""}
"""What was not shown is for a person to decide."""


def render(report: Report) -> str:
    """Without the items that are not CNCF's."""
    spec: dict[str, list[dict[str, Any]]] = {}
    for result in report.results:
        if result.item.level != "PLATFORM" and result.item.until is None:
            spec.setdefault(result.item.area, []).append(_requirement(result))
    metadata = {"kubernetesVersion": VERSION, "platformName": PROJECT, "platformVersion": report.at}
    return yaml.safe_dump({"metadata": metadata, "spec": spec}, sort_keys=False, allow_unicode=True, width=120)


def _requirement(result: Result) -> dict[str, Any]:
    outcome = result.outcome
    return {
        "id": result.item.id,
        "description": result.item.asks,
        "level": result.item.level,
        "status": _STATUS[outcome.verdict],
        "evidence": [f"{each.at} {each.ran}: {each.saw}" for each in outcome.evidence],
        "notes": f"{outcome.verdict}: {outcome.reason}" if outcome.reason else "",
    }
