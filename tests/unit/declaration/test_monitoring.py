"""Mistakes in the monitoring settings, each with its one-line message, and what the settings result in."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.catalogue.alerts.alert import THRESHOLD, Alert, Threshold
from infra.catalogue.metrics import OWN_CODE, named_in
from infra.declaration.alerts import ALERTS
from infra.declaration.monitoring import Monitoring
from infra.observability.prometheus_config import prometheus_config
from infra.observability.rules_file import rules_file
from tests.unit.declaration.samples import accepted, refused

_THRESHOLD = ALERTS["GpuMemoryNearlyFull"].threshold
DEFAULT = _THRESHOLD.default if _THRESHOLD else None

HOOK = {"hook": {"webhook": {"url": "http://alerts.example/hook"}}}
CHAT = {"chat": {"slack": {"channel": "#ml", "url": "theirs"}}}
SECRETS = {"secrets.theirs": {"team": "vision"}, "secrets.ours": {"team": "platform"}}


def rule(**changes: object) -> dict[str, Any]:
    return {"Mine": {"expr": "up == 0", "summary": "mine", **changes}}


def mail(**changes: object) -> dict[str, Any]:
    return {"post": {"email": {"to": "a@b.example", "sender": "c@d.example", "server": "smtp.example:587", **changes}}}


MISTAKES: list[tuple[dict[str, Any], str]] = [
    # Time and size
    ({"retention": 7}, "retention: 7 is not a time span; write days or hours with their unit, such as 15d or 36h"),
    ({"retention": "7"}, "retention: '7' is not a time span; write days or hours with their unit, such as 15d or 36h"),
    ({"retention": "30m"}, "retention: '30m' is not a time span; write days or hours with their unit, such as 15d or 36h"),
    ({"logs": {"retention": 7}}, "logs.retention: 7 is not a number of days; write one such as 7d"),
    ({"logs": {"retention": "36h"}}, "logs.retention: '36h' is not a number of days; write one such as 7d"),
    ({"logs": {"storage": "255Mi"}}, "logs.storage: '255Mi' is too small for the store; write at least 256Mi"),
    ({"retention": "2d"}, "retention: is shorter than the longest alerting window, 1/10 of sloWindow; write at least 72h"),
    ({"storage": "5GB"}, "storage: '5GB' is not a size; write a number with Ki, Mi, Gi or Ti, such as 512Mi"),
    ({"scrapeInterval": 30}, "scrapeInterval: 30 is not a duration; write hours, minutes and seconds such as 90s, 3m or 1h30m"),
    ({"scrapeInterval": "61s"}, "scrapeInterval: 61 s is too long: some alerts look back one minute only; write at most 1m"),
    ({"sloWindow": "1d"}, "sloWindow: its shortest alerting window of 10 s holds fewer than 4 samples at a scrapeInterval of 30 s; write a longer sloWindow or a shorter scrapeInterval"),
    # Objectives
    ({"objective": {"availability": 100}}, "objective.availability: 100 percent is out of range; write a number above 0 and below 100"),
    ({"objectives": {"digits": {"latencyTarget": 0}}}, "objectives.digits.latencyTarget: 0 percent is out of range; write a number above 0 and below 100"),
    ({"objective": {"availability": "99%"}}, "objective.availability: '99%' is not a percentage; write a number such as 99.5"),
    ({"objective": {"latency": "300ms"}}, "objective.latency: '300ms' is not a bucket of the histogram; write one of 1ms, 2.5ms, 5ms, 10ms, 25ms, 50ms, 100ms, 250ms, 500ms, 1s, 2.5s, 5s, 10s"),
    ({"objectives": {"digit": {}}}, "objectives.digit: endpoint 'digit' is not declared; did you mean 'digits'?"),
    # Receivers and routes
    ({"receivers": HOOK, "routes": {"vision": "hok"}}, "routes.vision: receiver 'hok' is not declared; did you mean 'hook'?"),
    ({"routes": {"vision": "hook"}}, "routes.vision: receiver 'hook' is not declared; none is declared"),
    ({"receivers": HOOK, "routes": {"visoin": "hook"}}, "routes.visoin: team 'visoin' is not declared; did you mean 'vision'?"),
    ({"defaultReceiver": "hook"}, "defaultReceiver: receiver 'hook' is not declared; none is declared"),
    ({"watchdog": "hook"}, "watchdog: receiver 'hook' is not declared; none is declared"),
    ({"receivers": {"nobody": {}}}, "receivers.nobody: needs exactly one of 'webhook', 'email', 'slack' and 'sns'"),
    ({"receivers": {"a": {"webhook": {"url": "alerts.example"}}}}, "receivers.a.webhook.url: 'alerts.example' is not a URL; write one such as https://alerts.example.com/hook"),
    ({"receivers": {"a": {"webhook": {"url": "https://alerts.example/a hook"}}}}, "receivers.a.webhook.url: 'https://alerts.example/a hook' is not a URL; write one such as https://alerts.example.com/hook"),
    ({"receivers": {"a": {"webhook": {"url": "https://alerts example/"}}}}, "receivers.a.webhook.url: 'https://alerts example/' is not a URL; write one such as https://alerts.example.com/hook"),
    ({"receivers": {"a": {"webhook": {"url": "https://alerts.example/%zz"}}}}, "receivers.a.webhook.url: 'https://alerts.example/%zz' is not a URL; write one such as https://alerts.example.com/hook"),
    ({"receivers": {"a": {"webhook": {"url": "http://alerts.example/hook", "token": "ours"}}}}, "receivers.a.webhook.token: would be sent unencrypted to http://alerts.example/hook; write https:// in 'url'"),
    ({"receivers": mail(server="smtp.example")}, "receivers.post.email.server: 'smtp.example' is not a host with a port; write both, such as smtp.example.com:587"),
    ({"receivers": mail(server="smtp.example:")}, "receivers.post.email.server: 'smtp.example:' is not a host with a port; write both, such as smtp.example.com:587"),
    ({"receivers": mail(to="")}, "receivers.post.email.to: '' is not an email address; write one such as team@example.com"),
    ({"receivers": mail(to="a@b.example, c")}, "receivers.post.email.to: 'a@b.example, c' is not an email address; write one such as team@example.com"),
    ({"receivers": mail(sender="alerts")}, "receivers.post.email.sender: 'alerts' is not an email address; write one such as team@example.com"),
    ({"receivers": mail(username="alerts")}, "receivers.post.email: has a 'username' without a 'password'; write both, or neither for no login"),
    ({"receivers": mail(password="ours")}, "receivers.post.email: has a 'password' without a 'username'; write both, or neither for no login"),
    ({"receivers": {"a": {"slack": {"channel": "#ml", "url": "slack-url"}}}}, "receivers.a.slack.url: secret 'slack-url' is not declared; known: ours, theirs"),
    ({"receivers": {"a": {"webhook": {"url": "https://a.example", "token": "theirs"}}}, "routes": {"speech": "a"}}, "receivers.a.webhook.token: secret 'theirs' belongs to team 'vision', and routes.speech would send it alerts of others; use another receiver there, or write team: platform in secrets.theirs"),
    ({"receivers": CHAT, "routes": {"vision": "chat", "platform": "chat"}}, "receivers.chat.slack.url: secret 'theirs' belongs to team 'vision', and routes.platform would send it alerts of others; use another receiver there, or write team: platform in secrets.theirs"),
    ({"receivers": CHAT, "defaultReceiver": "chat", "watchdog": "chat"}, "receivers.chat.slack.url: secret 'theirs' belongs to team 'vision', and defaultReceiver, watchdog would send it alerts of others; use another receiver there, or write team: platform in secrets.theirs"),
    ({"receivers": {"a": {"sns": {"topic": "alerts"}}}}, "receivers.a.sns: only the aws foundation has SNS; write 'webhook', 'email' or 'slack', or declare foundation.aws"),
    ({"receivers": {"a": {"sns": {"topic": "Alerts!"}}}}, "receivers.a.sns.topic: 'Alerts!' is not a valid Kubernetes name; write lower-case letters, digits and '-', with a letter first and no '-' at the end"),
    ({"receivers": {"a": {"sns": {}}}}, "receivers.a.sns: missing setting 'topic'"),
    ({"receivers": {"a": {"slcak": {}}}}, "receivers.a: unknown setting 'slcak'; did you mean 'slack'?"),
    # Rules
    ({"rules": rule(expr="upp == 0")}, "rules.Mine.expr: metric 'upp' is not collected; did you mean 'up'? (if teams' own code exposes it: upp{job=\"training\"} or upp{job=\"serving\"})"),
    ({"rules": rule(expr="rate(my_counter[5m]) > 0")}, "rules.Mine.expr: metric 'my_counter' is not collected; infra/catalogue/metrics.py lists the collected metrics (if teams' own code exposes it: my_counter{job=\"training\"} or my_counter{job=\"serving\"})"),
    ({"rules": rule(expr='my_loss{job=~"training"} > 3')}, "rules.Mine.expr: metric 'my_loss' is not collected; infra/catalogue/metrics.py lists the collected metrics (if teams' own code exposes it: my_loss{job=\"training\"} or my_loss{job=\"serving\"})"),
    ({"rules": rule(expr='("abc")')}, "rules.Mine.expr: is a string; write a query that returns series, such as up == 0"),
    ({"rules": rule(expr="up[5m]")}, "rules.Mine.expr: is a range vector; apply a function to it, as in min_over_time(up[5m]) == 0"),
    ({"rules": rule(expr="up[5m:1m]")}, "rules.Mine.expr: is a range vector; apply a function to it, as in min_over_time(up[5m]) == 0"),
    ({"rules": rule(summary="{{ $labels.job ")}, "rules.Mine.summary: '{{ $labels.job ' is not closed; write it as in {{ $labels.pod }}"),
    ({"rules": rule(summary="{{ nope }}")}, "rules.Mine.summary: '{{ nope }}' is not a supported template; write a label or the value, such as {{ $labels.pod }} or {{ $value | humanize }}"),
    ({"rules": rule(summary="{{ $label.pod }}")}, "rules.Mine.summary: '{{ $label.pod }}' is not a supported template; write a label or the value, such as {{ $labels.pod }} or {{ $value | humanize }}"),
    ({"rules": rule(runbook="https://example.com/{{ nope }}")}, "rules.Mine.runbook: 'https://example.com/{{ nope }}' is not a URL; write one such as https://alerts.example.com/hook"),
    ({"runbooks": "docs/{{ nope }}"}, "runbooks: 'docs/{{ nope }}' is neither a folder nor a URL; write docs/runbooks or https://example.com/runbooks"),
    ({"rules": rule(team="visoin")}, "rules.Mine.team: team 'visoin' is not declared; did you mean 'vision'?"),
    ({"rules": rule(severity="bad")}, "rules.Mine.severity: 'bad' is not supported; write 'critical' or 'warning'"),
    ({"rules": {"GpuIdle": rule()["Mine"]}}, "rules.GpuIdle: 'GpuIdle' is an alert of the platform itself; choose another name, or override it in alerts"),
    ({"rules": {"my alert": rule()["Mine"]}}, "rules.my alert: 'my alert' is not an alert name; write it in CamelCase without spaces, such as QueueTooLong"),
    # Overrides of alerts
    ({"alerts": {"GpuIdel": {"for": "1m"}}}, "alerts.GpuIdel: there is no alert 'GpuIdel'; did you mean 'GpuIdle'?"),
    ({"alerts": {"Mine": {"for": "1m"}}, "rules": rule()}, "alerts.Mine: 'Mine' is declared in monitoring.rules; change it there"),
    ({"alerts": {"GpuIdle": {"for": "soon"}}}, "alerts.GpuIdle.for: 'soon' is not a duration; write hours, minutes and seconds such as 90s, 3m or 1h30m"),
    ({"alerts": {"GpuIdle": {"after": "1m"}}}, "alerts.GpuIdle: unknown setting 'after'; known: for, threshold"),
    ({"alerts": {"GpuXidError": {"threshold": 1}}}, "alerts.GpuXidError.threshold: alert 'GpuXidError' has no threshold; only 'for' can be set"),
    ({"alerts": {"ServingSlow": {"threshold": 1}}}, "alerts.ServingSlow.threshold: alert 'ServingSlow' has no threshold; set monitoring.objective instead"),
    ({"alerts": {"GpuMemoryNearlyFull": {"threshold": "98%"}}}, "alerts.GpuMemoryNearlyFull.threshold: '98%' is not a number; write one such as 0.95"),
    ({"alerts": {"GpuMemoryNearlyFull": {"threshold": True}}}, "alerts.GpuMemoryNearlyFull.threshold: True is not a number; write one such as 0.95"),
    ({"alerts": {"GpuMemoryNearlyFull": {"threshold": 98}}}, f"alerts.GpuMemoryNearlyFull.threshold: 98 is out of range; write a ratio above 0 and below 1 (GPU memory in use; default {DEFAULT:g})"),
    ({"alerts": {"GpuMemoryNearlyFull": {"threshold": 1}}}, f"alerts.GpuMemoryNearlyFull.threshold: 1 is out of range; write a ratio above 0 and below 1 (GPU memory in use; default {DEFAULT:g})"),
    ({"alerts": {"GpuIdle": {"threshold": 0}}}, "alerts.GpuIdle.threshold: 0 is out of range; write a percentage above 0 and below 100 (GPU utilization; default 5)"),
    ({"alerts": {"GpuIdle": {"threshold": float("nan")}}}, "alerts.GpuIdle.threshold: nan is out of range; write a percentage above 0 and below 100 (GPU utilization; default 5)"),
    ({"alerts": {"PodCrashLoops": {"threshold": 2.5}}}, "alerts.PodCrashLoops.threshold: 2.5 is out of range; write a whole number from 1 to 1000 (restarts of a container in an hour; default 2)"),
    ({"alerts": {"RemoteWriteFails": {"threshold": 86400}}}, "alerts.RemoteWriteFails.threshold: 86400 is out of range; write seconds above 0 and below 86400 (delay of remote write; default 300)"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "line"), MISTAKES, ids=[line[:90] for _, line in MISTAKES])
def test_a_mistake_costs_one_line(root: Path, settings: dict[str, Any], line: str) -> None:
    assert refused(root, monitoring=settings, **SECRETS) == [f"Pulumi.dev.yaml: platform.monitoring.{line}"]


FINE: list[dict[str, Any]] = [
    {"scrapeInterval": "1m"},
    {"receivers": mail(to="Vision <a@b.example>, c@d.example", server="[2001:db8::1]:25")},
    {"receivers": mail(username="alerts", password="ours")},
    {"receivers": {"a": {"webhook": {"url": "https://[2001:db8::1]:8443/a%20hook?x=1&y=2", "token": "ours"}}}},
    {"receivers": {"a": {"webhook": {"url": "http://hook.vision.svc:8080/alerts", "token": "ours"}}}},
    {"rules": rule(summary='{{ $labels.job }}: {{$value | humanizePercentage}}, {{ printf "%.2f" $value }} {braces}')},
    {"rules": rule(expr='rate(my_counter{job="training"}[5m]) > my_limit{job="serving",pod=~".+"}')},
    {"runbooks": "https://example.com/runbooks/"},
    {"alerts": {"GpuMemoryNearlyFull": {"for": "30m", "threshold": 0.98}, "GpuXidError": {"for": "1m"}}},
    {"alerts": {"PodCrashLoops": {"threshold": 5}, "RemoteWriteFails": {"threshold": 900}, "GpuIdle": {}}},
]


@pytest.mark.parametrize("settings", FINE, ids=str)
def test_what_is_right_costs_nothing(root: Path, settings: dict[str, Any]) -> None:
    assert accepted(root, monitoring=settings, **SECRETS).monitoring is not None


def test_declared_alert_settings_are_in_the_rules_file(root: Path) -> None:
    declared = {"GpuMemoryNearlyFull": {"for": "30m", "threshold": 0.98}, "PodCrashLoops": {"threshold": 7}}
    rules = alert_rules(accepted(root, monitoring={"alerts": declared}).monitoring)
    assert rules["GpuMemoryNearlyFull"]["for"] == "1800s"
    assert rules["GpuMemoryNearlyFull"]["expr"].endswith(" > 0.98")
    assert rules["PodCrashLoops"]["for"] == "300s"
    assert " >= 7 or " in rules["PodCrashLoops"]["expr"]
    assert " > 7 + 1)" in rules["PodCrashLoops"]["expr"]


def test_other_alerts_keep_their_defaults(root: Path) -> None:
    declared = {"GpuMemoryNearlyFull": {"for": "30m", "threshold": 0.98}}
    changed = alert_rules(accepted(root, monitoring={"alerts": declared}).monitoring)
    defaults = alert_rules(Monitoring())
    assert {name for name in defaults if defaults[name] != changed[name]} == {"GpuMemoryNearlyFull"}
    assert defaults["GpuMemoryNearlyFull"]["expr"].endswith(f" > {DEFAULT:g}")
    assert not [name for name, rule in defaults.items() if THRESHOLD in rule["expr"]]


def test_every_default_threshold_is_allowed_and_changes_its_expression() -> None:
    alerts = [alert for alert in ALERTS.values() if alert.threshold is not None]
    assert len(alerts) >= 9
    for alert in alerts:
        assert alert.threshold is not None
        assert alert.threshold.allows(alert.threshold.default), alert.name
        assert alert.query(0.123) != alert.query(), alert.name
        assert named_in(alert.query(0.123)) == named_in(alert.query()), alert.name


@pytest.mark.parametrize(("expr", "threshold"), [("up == 0", Threshold(1, "count", "x")), (f"up < {THRESHOLD}", None)])
def test_an_alert_has_a_threshold_exactly_if_its_expression_has(expr: str, threshold: Threshold | None) -> None:
    with pytest.raises(ValueError, match="needs a threshold"):
        Alert("Mine", expr, "mine", for_=0, threshold=threshold)


def alert_rules(settings: Monitoring | None) -> dict[str, Any]:
    """The alerting rules of the rules file, by name."""
    assert settings is not None
    groups = rules_file(settings, {"digits": "vision"})["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_jobs_with_teams_own_code_are_scraped() -> None:
    scraped = prometheus_config(Monitoring(), "dev", "ml-platform", ["vision"], "alertmanager")["scrape_configs"]
    assert set(OWN_CODE) <= {each["job_name"] for each in scraped}


def test_invalid_promql_is_refused_with_the_parser_s_reason(root: Path) -> None:
    (line,) = refused(root, monitoring={"rules": rule(expr="sum(up")})
    assert line.startswith("Pulumi.dev.yaml: platform.monitoring.rules.Mine.expr: is not valid PromQL: ")


def test_monitoring_is_off_by_default(root: Path) -> None:
    assert accepted(root).monitoring is None


def test_an_empty_monitoring_has_defaults_and_no_receivers(root: Path) -> None:
    monitoring = accepted(root, monitoring={}).monitoring
    assert monitoring is not None
    assert (monitoring.retention, monitoring.receivers, monitoring.default_receiver) == (7 * 86400, {}, None)


def test_a_team_s_alerts_can_be_routed(root: Path) -> None:
    settings = {"receivers": HOOK, "routes": {"vision": "hook", "platform": "hook"}, "defaultReceiver": "hook"}
    monitoring = accepted(root, monitoring=settings).monitoring
    assert monitoring is not None
    assert monitoring.routes["vision"] == "hook"


@pytest.mark.parametrize(
    ("secret", "settings"),
    [
        ("theirs", {"routes": {"vision": "chat"}}),
        ("ours", {"routes": {"vision": "chat", "speech": "chat"}, "defaultReceiver": "chat", "watchdog": "chat"}),
    ],
)
def test_a_team_s_secret_serves_that_team_and_a_platform_secret_serves_all(
    root: Path, secret: str, settings: dict[str, Any]
) -> None:
    receivers = {"chat": {"slack": {"channel": "#ml", "url": secret}}}
    assert accepted(root, monitoring={"receivers": receivers, **settings}, **SECRETS).monitoring is not None


def test_an_image_of_monitoring_has_its_name_for_itself(root: Path) -> None:
    assert refused(root, **{"images.prometheus": {"context": "images/training"}}) == [
        "Pulumi.dev.yaml: platform.images.prometheus: 'prometheus' is an image of the platform itself; write another name"
    ]
