"""Canaries in Prometheus's test runner: which are worse than their endpoints, by the limits that each declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from infra.catalogue.alerts.gateway import CanaryLimit
from infra.declaration.monitoring import Monitoring
from infra.observability.rules_file import rules_file
from tests.cluster.monitoring.tools import Promtool

LIMIT = CanaryLimit("vision", "digits", errors=0.02, latency=0.5, window=120)
MINUTE = 10


@dataclass(frozen=True)
class Release:
    """Each minute, as one proxy counts."""

    requests: int
    failed: int = 0
    milliseconds: int = 10
    """Of each request, on average."""

    def series(self, name: str, proxy: str = "one") -> Mapping[str, str]:
        labels = f'namespace="vision",endpoint="digits",release="{name}",instance="{proxy}"'
        metric = "envoy_cluster_upstream_rq"
        counted = {
            f"{metric}_completed{{{labels}}}": self.requests,
            f'{metric}_xx{{{labels},envoy_response_code_class="2"}}': self.requests - self.failed,
            f"{metric}_time_count{{{labels}}}": self.requests,
            f"{metric}_time_sum{{{labels}}}": self.requests * self.milliseconds,
        }
        if self.failed:
            counted[f'{metric}_xx{{{labels},envoy_response_code_class="5"}}'] = self.failed
        return {series: f"0+{each}x60" for series, each in counted.items()}


STABLE = Release(900, failed=9)
CASES: Mapping[str, tuple[Release, Release, dict[str, str]]] = {
    "as good": (STABLE, Release(100, failed=1), {}),
    "a little worse": (STABLE, Release(100, failed=2, milliseconds=14), {}),
    "more failures": (STABLE, Release(100, failed=5), {"CanaryFailing": "fails 4% more of its requests"}),
    "failures, and none of the endpoint": (
        Release(900),
        Release(100, failed=10),
        {"CanaryFailing": "fails 10% more of its requests"},
    ),
    "slower": (STABLE, Release(100, failed=1, milliseconds=20), {"CanarySlow": "takes 100% longer"}),
    "both": (
        Release(900),
        Release(100, failed=50, milliseconds=30),
        {"CanaryFailing": "fails 50% more of its requests", "CanarySlow": "takes 200% longer"},
    ),
    "too few failures": (Release(900), Release(50, failed=2), {}),
    "too few requests": (STABLE, Release(9, failed=9, milliseconds=900), {}),
    "an endpoint that is as bad": (Release(900, failed=450), Release(100, failed=50), {}),
    "none yet": (STABLE, Release(0), {}),
}


@pytest.mark.parametrize("alert", ["CanaryFailing", "CanarySlow"])
def test_a_canary_is_compared_with_its_endpoint(promtool: Promtool, alert: str) -> None:
    """In one run, since promtool takes a second to start."""
    rules = rules_file(Monitoring(), {}, canaries=[LIMIT])
    (promtool.folder / "rules.yml").write_text(yaml.safe_dump(rules))
    tests = [asked(name, alert) for name in CASES]
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (promtool.folder / "tests.yml").write_text(yaml.safe_dump(document))
    answer = promtool.run("test", "rules", "tests.yml")
    assert answer.code == 0, answer.text


def asked(name: str, alert: str) -> dict[str, Any]:
    stable, canary, expected = CASES[name]
    series = {**stable.series("stable"), **stable.series("stable", "two"), **canary.series("canary")}
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "alert_rule_test": [
            {
                "eval_time": f"{MINUTE}m",
                "alertname": alert,
                "exp_alerts": [told(alert, expected[alert])] if alert in expected else [],
            }
        ],
    }


def told(alert: str, what: str) -> dict[str, Any]:
    severity = "critical" if alert == "CanaryFailing" else "warning"
    return {
        "exp_labels": {"namespace": "vision", "endpoint": "digits", "severity": severity, "team": "vision"},
        "exp_annotations": {
            "summary": f"the canary of endpoint digits {what} and gets no more requests",
            "runbook_url": f"docs/runbooks/{alert}.md",
        },
    }
