"""What can be wrong with monitoring's settings, and the one line that it costs."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.catalogue.metrics import OWN_CODE
from infra.declaration.monitoring import Monitoring
from infra.observability.scraping import prometheus_config
from tests.unit.declaration.samples import accepted, refused

HOOK = {"hook": {"webhook": {"url": "http://alerts.example/hook"}}}
CHAT = {"chat": {"slack": {"channel": "#ml", "url": "theirs"}}}
SECRETS = {"secrets.theirs": {"team": "vision"}, "secrets.ours": {"team": "platform"}}


def rule(**changes: object) -> dict[str, Any]:
    return {"Mine": {"expr": "up == 0", "summary": "mine", **changes}}


def mail(**changes: object) -> dict[str, Any]:
    return {"post": {"email": {"to": "a@b.example", "sender": "c@d.example", "server": "smtp.example:587", **changes}}}


MISTAKES: list[tuple[dict[str, Any], str]] = [
    # Time and size
    ({"retention": 7}, "retention: 7 is no span of time; write days or hours with their unit, such as 15d or 36h"),
    ({"retention": "7"}, "retention: '7' is no span of time; write days or hours with their unit, such as 15d or 36h"),
    ({"retention": "30m"}, "retention: '30m' is no span of time; write days or hours with their unit, such as 15d or 36h"),
    ({"retention": "2d"}, "retention: is shorter than alerts look back, a 10th of the period; write at least 72h"),
    ({"storage": "5GB"}, "storage: '5GB' is no amount of memory; write a number with Ki, Mi, Gi or Ti, such as 512Mi"),
    ({"scrapeInterval": 30}, "scrapeInterval: 30 is no duration; write hours, minutes and seconds such as 90s, 3m or 1h30m"),
    ({"scrapeInterval": "61s"}, "scrapeInterval: 61 s is too long for alerts that look back over a minute; write at most 1m"),
    ({"period": "1d"}, "period: its shortest window of 10 s holds fewer than 4 samples at a scrapeInterval of 30 s; write a longer period or a shorter interval"),
    # Objectives
    ({"objective": {"availability": 100}}, "objective.availability: 100 percent leaves nothing to be measured against; write more than 0 and less than 100"),
    ({"objectives": {"digits": {"fast": 0}}}, "objectives.digits.fast: 0 percent leaves nothing to be measured against; write more than 0 and less than 100"),
    ({"objective": {"availability": "99%"}}, "objective.availability: '99%' is no percentage; write a number such as 99.5"),
    ({"objective": {"latency": "300ms"}}, "objective.latency: '300ms' is not measured; write one of 1ms, 2.5ms, 5ms, 10ms, 25ms, 50ms, 100ms, 250ms, 500ms, 1s, 2.5s, 5s, 10s"),
    ({"objectives": {"digit": {}}}, "objectives.digit: endpoint 'digit' is not declared; did you mean 'digits'?"),
    # Receivers and routes
    ({"receivers": HOOK, "routes": {"vision": "hok"}}, "routes.vision: receiver 'hok' is not declared; did you mean 'hook'?"),
    ({"routes": {"vision": "hook"}}, "routes.vision: receiver 'hook' is not declared; none is declared"),
    ({"receivers": HOOK, "routes": {"visoin": "hook"}}, "routes.visoin: team 'visoin' is not declared; did you mean 'vision'?"),
    ({"defaultReceiver": "hook"}, "defaultReceiver: receiver 'hook' is not declared; none is declared"),
    ({"watchdog": "hook"}, "watchdog: receiver 'hook' is not declared; none is declared"),
    ({"receivers": {"nobody": {}}}, "receivers.nobody: hears of alerts by exactly one way; declare 'webhook', 'email', 'slack' or 'sns'"),
    ({"receivers": {"a": {"webhook": {"url": "alerts.example"}}}}, "receivers.a.webhook.url: 'alerts.example' is no address; write one such as https://alerts.example.com/hook"),
    ({"receivers": {"a": {"webhook": {"url": "https://alerts.example/a hook"}}}}, "receivers.a.webhook.url: 'https://alerts.example/a hook' is no address; write one such as https://alerts.example.com/hook"),
    ({"receivers": {"a": {"webhook": {"url": "https://alerts example/"}}}}, "receivers.a.webhook.url: 'https://alerts example/' is no address; write one such as https://alerts.example.com/hook"),
    ({"receivers": {"a": {"webhook": {"url": "https://alerts.example/%zz"}}}}, "receivers.a.webhook.url: 'https://alerts.example/%zz' is no address; write one such as https://alerts.example.com/hook"),
    ({"receivers": {"a": {"webhook": {"url": "http://alerts.example/hook", "token": "ours"}}}}, "receivers.a.webhook.token: would be readable for all on the way to http://alerts.example/hook; write https:// in 'url'"),
    ({"receivers": mail(server="smtp.example")}, "receivers.post.email.server: 'smtp.example' is no host with a port; write both, such as smtp.example.com:587"),
    ({"receivers": mail(server="smtp.example:")}, "receivers.post.email.server: 'smtp.example:' is no host with a port; write both, such as smtp.example.com:587"),
    ({"receivers": mail(to="")}, "receivers.post.email.to: '' is no address of e-mail; write one such as team@example.com"),
    ({"receivers": mail(to="a@b.example, c")}, "receivers.post.email.to: 'a@b.example, c' is no address of e-mail; write one such as team@example.com"),
    ({"receivers": mail(sender="alerts")}, "receivers.post.email.sender: 'alerts' is no address of e-mail; write one such as team@example.com"),
    ({"receivers": mail(username="alerts")}, "receivers.post.email: has a 'username' without a 'password'; write both, or neither for no login"),
    ({"receivers": mail(password="ours")}, "receivers.post.email: has a 'password' without a 'username'; write both, or neither for no login"),
    ({"receivers": {"a": {"slack": {"channel": "#ml", "url": "slack-url"}}}}, "receivers.a.slack.url: secret 'slack-url' is not declared; known: ours, theirs"),
    ({"receivers": {"a": {"webhook": {"url": "https://a.example", "token": "theirs"}}}, "routes": {"speech": "a"}}, "receivers.a.webhook.token: secret 'theirs' belongs to team 'vision', and routes.speech would tell news of others with it; lead them to another receiver, or write team: platform in secrets.theirs"),
    ({"receivers": CHAT, "routes": {"vision": "chat", "platform": "chat"}}, "receivers.chat.slack.url: secret 'theirs' belongs to team 'vision', and routes.platform would tell news of others with it; lead them to another receiver, or write team: platform in secrets.theirs"),
    ({"receivers": CHAT, "defaultReceiver": "chat", "watchdog": "chat"}, "receivers.chat.slack.url: secret 'theirs' belongs to team 'vision', and defaultReceiver, watchdog would tell news of others with it; lead them to another receiver, or write team: platform in secrets.theirs"),
    ({"receivers": {"a": {"sns": {"topic": "alerts"}}}}, "receivers.a.sns: SNS is in AWS only; write 'webhook', 'email' or 'slack', or declare foundation.aws"),
    ({"receivers": {"a": {"sns": {"topic": "Alerts!"}}}}, "receivers.a.sns.topic: 'Alerts!' is no name that Kubernetes takes; write lower-case letters, digits and '-', beginning with a letter and not ending with '-'"),
    ({"receivers": {"a": {"sns": {}}}}, "receivers.a.sns: missing setting 'topic'"),
    ({"receivers": {"a": {"slcak": {}}}}, "receivers.a: unknown setting 'slcak'; did you mean 'slack'?"),
    # Rules
    ({"rules": rule(expr="upp == 0")}, "rules.Mine.expr: nothing collects the metric 'upp'; did you mean 'up'? (where a team's own code tells it: upp{job=\"training\"} or upp{job=\"serving\"})"),
    ({"rules": rule(expr="rate(my_counter[5m]) > 0")}, "rules.Mine.expr: nothing collects the metric 'my_counter'; infra/catalogue/metrics.py lists what is collected (where a team's own code tells it: my_counter{job=\"training\"} or my_counter{job=\"serving\"})"),
    ({"rules": rule(expr='my_loss{job=~"training"} > 3')}, "rules.Mine.expr: nothing collects the metric 'my_loss'; infra/catalogue/metrics.py lists what is collected (where a team's own code tells it: my_loss{job=\"training\"} or my_loss{job=\"serving\"})"),
    ({"rules": rule(expr='("abc")')}, "rules.Mine.expr: is text, which finds nothing; write a query such as up == 0"),
    ({"rules": rule(expr="up[5m]")}, "rules.Mine.expr: is all values of a time; write what is made of them, such as min_over_time(up[5m]) == 0"),
    ({"rules": rule(expr="up[5m:1m]")}, "rules.Mine.expr: is all values of a time; write what is made of them, such as min_over_time(up[5m]) == 0"),
    ({"rules": rule(summary="{{ $labels.job ")}, "rules.Mine.summary: '{{ $labels.job ' has no end; write such as {{ $labels.pod }}"),
    ({"rules": rule(summary="{{ nope }}")}, "rules.Mine.summary: '{{ nope }}' is nothing that can be filled in; write a label or the value, such as {{ $labels.pod }} or {{ $value | humanize }}"),
    ({"rules": rule(summary="{{ $label.pod }}")}, "rules.Mine.summary: '{{ $label.pod }}' is nothing that can be filled in; write a label or the value, such as {{ $labels.pod }} or {{ $value | humanize }}"),
    ({"rules": rule(runbook="https://example.com/{{ nope }}")}, "rules.Mine.runbook: 'https://example.com/{{ nope }}' is no address; write one such as https://alerts.example.com/hook"),
    ({"runbooks": "docs/{{ nope }}"}, "runbooks: 'docs/{{ nope }}' is neither folder nor address; write docs/runbooks or https://example.com/runbooks"),
    ({"rules": rule(team="visoin")}, "rules.Mine.team: team 'visoin' is not declared; did you mean 'vision'?"),
    ({"rules": rule(severity="bad")}, "rules.Mine.severity: 'bad' is not known; write 'critical' or 'warning'"),
    ({"rules": {"GpuIdle": rule()["Mine"]}}, "rules.GpuIdle: 'GpuIdle' is an alert of the platform itself; write another name"),
    ({"rules": {"my alert": rule()["Mine"]}}, "rules.my alert: 'my alert' is no name of an alert; write words without spaces, such as QueueTooLong"),
    ({"alertAfter": {"GpuIdel": "1m"}}, "alertAfter.GpuIdel: there is no alert 'GpuIdel'; did you mean 'GpuIdle'?"),
    ({"alertAfter": {"Mine": "1m"}, "rules": rule()}, "alertAfter.Mine: its 'after' stands in monitoring.rules"),
    ({"alertAfter": {"GpuIdle": "soon"}}, "alertAfter.GpuIdle: 'soon' is no duration; write hours, minutes and seconds such as 90s, 3m or 1h30m"),
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
]


@pytest.mark.parametrize("settings", FINE, ids=str)
def test_what_is_right_costs_nothing(root: Path, settings: dict[str, Any]) -> None:
    assert accepted(root, monitoring=settings, **SECRETS).monitoring is not None


def test_a_teams_own_code_is_asked_by_these_jobs() -> None:
    scraped = prometheus_config(Monitoring(), "dev", "ml-platform", ["vision"], "alertmanager")["scrape_configs"]
    assert set(OWN_CODE) <= {each["job_name"] for each in scraped}


def test_what_is_no_query_is_refused_with_the_parsers_reason(root: Path) -> None:
    (line,) = refused(root, monitoring={"rules": rule(expr="sum(up")})
    assert line.startswith("Pulumi.dev.yaml: platform.monitoring.rules.Mine.expr: is no PromQL: ")


def test_without_a_word_nothing_is_watched(root: Path) -> None:
    assert accepted(root).monitoring is None


def test_with_no_more_than_its_name_everything_is_watched_and_nobody_told(root: Path) -> None:
    monitoring = accepted(root, monitoring={}).monitoring
    assert monitoring is not None
    assert (monitoring.retention, monitoring.receivers, monitoring.default_receiver) == (7 * 86400, {}, None)


def test_a_team_is_told_by_a_few_lines(root: Path) -> None:
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
def test_a_team_s_secret_tells_the_team_and_the_platform_s_everybody(
    root: Path, secret: str, settings: dict[str, Any]
) -> None:
    receivers = {"chat": {"slack": {"channel": "#ml", "url": secret}}}
    assert accepted(root, monitoring={"receivers": receivers, **settings}, **SECRETS).monitoring is not None


def test_an_image_of_monitoring_has_its_name_for_itself(root: Path) -> None:
    assert refused(root, **{"images.prometheus": {"context": "images/training"}}) == [
        "Pulumi.dev.yaml: platform.images.prometheus: 'prometheus' is an image of the platform itself; write another name"
    ]
