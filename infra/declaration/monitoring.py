"""What is looked at, what is promised of endpoints, and who hears of it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from infra.declaration.grafana import Grafana
from infra.declaration.problems import suggestion
from infra.declaration.settings import Settings
from infra.declaration.units import Cpu, Memory, Name, Seconds, written
from infra.monitoring.metrics import BUCKETS, KNOWN, named_in
from infra.naming import PLATFORM

_SPAN = re.compile(r"^(?:(\d+)d)?(?:(\d+)h)?$")
_ALERT = r"^[A-Z][A-Za-z0-9]{2,62}$"
_PARTS = {"ms": 0.001, "s": 1.0}


def _span(value: object) -> int:
    match = _SPAN.match(value) if isinstance(value, str) and value else None
    days, hours = (int(part or 0) for part in match.groups()) if match else (0, 0)
    if not days and not hours:
        raise ValueError(f"{value!r} is no span of time; write days or hours with their unit, such as 15d or 36h")
    return (days * 24 + hours) * 3600


def _percent(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no percentage; write a number such as 99.5")
    if not 0 < value < 100:
        raise ValueError(f"{value} percent leaves nothing to be measured against; write more than 0 and less than 100")
    return float(value)


def _bucket(value: object) -> float:
    known = {bucket_text(bucket): bucket for bucket in BUCKETS}
    if value not in known:
        raise ValueError(f"{value!r} is not measured; write one of {', '.join(known)}")
    return known[str(value)]


def bucket_text(seconds: float) -> str:
    """As it is declared: `250ms`, `2.5s`."""
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def _query(value: str) -> str:
    try:
        named = named_in(value)
    except ValueError as error:
        raise ValueError(f"is no PromQL: {str(error).splitlines()[0]}") from None
    for metric in named:
        if metric not in KNOWN:
            near = suggestion(metric, KNOWN)
            hint = near if "did you mean" in near else "; infra/monitoring/metrics.py lists those that are collected"
            raise ValueError(f"nothing collects the metric '{metric}'{hint}")
    return value


def _http(value: str) -> str:
    if not re.match(r"^https?://[^\s/]+", value):
        raise ValueError(f"{value!r} is no address; write one such as https://alerts.example.com/hook")
    return value


def _alert(value: str) -> str:
    if not re.match(_ALERT, value):
        raise ValueError(f"{value!r} is no name of an alert; write words without spaces, such as QueueTooLong")
    return value


Span = Annotated[int, BeforeValidator(_span), WithJsonSchema({"type": "string", "pattern": _SPAN.pattern})]
"""Written as days and hours, kept as seconds."""
Percent = Annotated[
    float,
    BeforeValidator(_percent),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100}),
]
Latency = Annotated[
    float, BeforeValidator(_bucket), WithJsonSchema({"type": "string", "enum": [bucket_text(each) for each in BUCKETS]})
]
"""Written as one of the measured bounds (`250ms`), kept as seconds."""
Query = Annotated[str, AfterValidator(_query)]
Http = Annotated[str, AfterValidator(_http), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
AlertName = Annotated[str, AfterValidator(_alert), WithJsonSchema({"type": "string", "pattern": _ALERT})]


class Objective(Settings):
    """What is promised of an endpoint, and holds over the period that is common to all."""

    availability: Percent = Field(default=99.5, description="Percent of requests that are not failed by the endpoint")
    fast: Percent = Field(default=99.0, description="Percent of requests that are answered within the latency")
    latency: Latency = Field(default=written("500ms"))
    champion_age: Span = Field(default=written("90d"), description="How old the served version may become")


class Webhook(Settings):
    """Gets alerts as JSON by POST."""

    url: Http
    token: Name | None = Field(default=None, description="The secret that is sent as a bearer token")


class Email(Settings):
    """Letters through a mail server that speaks TLS."""

    to: str
    sender: str
    server: str = Field(description="Host and port, such as smtp.example.com:587")
    username: str | None = None
    password: Name | None = Field(default=None, description="The secret with the password")


class Slack(Settings):
    """Messages in a channel."""

    channel: str
    url: Name = Field(description="The secret with the address of the incoming webhook")


class Sns(Settings):
    """Messages to all who subscribed to a topic."""

    topic: Name = Field(description="Its name within the stack, which makes it")


class Receiver(Settings):
    """Somebody who hears of alerts: by exactly one way."""

    webhook: Webhook | None = None
    email: Email | None = None
    slack: Slack | None = None
    sns: Sns | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Receiver:
        if sum(way is not None for way in (self.webhook, self.email, self.slack, self.sns)) != 1:
            raise ValueError("hears of alerts by exactly one way; declare 'webhook', 'email', 'slack' or 'sns'")
        return self

    def secrets(self) -> dict[str, str]:
        """The secrets that it needs, by the path at which they are named."""
        named = {
            "webhook.token": self.webhook and self.webhook.token,
            "email.password": self.email and self.email.password,
            "slack.url": self.slack and self.slack.url,
        }
        return {path: name for path, name in named.items() if name}


class Rule(Settings):
    """An alert of the platform team's own."""

    expr: Query = Field(description="PromQL; whatever it finds is said")
    after: Seconds = Field(default=written("5m"), description="How long it must have been found")
    severity: Literal["critical", "warning"] = "warning"
    team: Name = Field(default=PLATFORM, description="Who answers for it")
    summary: str
    runbook: Http | None = None


class Notifications(Settings):
    """How alerts that belong together are told together."""

    wait: Seconds = Field(default=written("10s"), description="For more of the kind, before the first is told")
    interval: Seconds = Field(default=written("1m"), description="Before news of the same kind are told")
    repeat: Seconds = Field(default=written("4h"), description="Before what goes on is told again")


class Monitoring(Settings):
    """Prometheus and Alertmanager."""

    retention: Span = Field(default=written("7d"), description="How long metrics are kept")
    storage: Memory = Field(default="5Gi", description="The size of the volume with metrics")
    cpu: Cpu = Field(default="200m", description="Prometheus's own")
    memory: Memory = Field(default="512Mi", description="Prometheus's own")
    scrape_interval: Seconds = Field(default=written("30s"))
    objective: Objective = Field(default=Objective(), description="Of every endpoint that has none of its own")
    objectives: dict[Name, Objective] = Field(default={}, description="By endpoint")
    period: Span = Field(default=written("30d"), description="Over which objectives hold")
    alert_after: dict[AlertName, Seconds] = Field(
        default={}, description="By alert, how long it must last, where that differs"
    )
    rules: dict[AlertName, Rule] = Field(default={}, description="More alerts")
    receivers: dict[Name, Receiver] = Field(default={})
    routes: dict[Name, Name] = Field(default={}, description="By team, or 'platform', the receiver of its alerts")
    default_receiver: Name | None = Field(default=None, description="Of alerts without a route; none: nobody")
    watchdog: Name | None = Field(default=None, description="The receiver of a sign of life, told again all the time")
    notifications: Notifications = Notifications()
    grafana: Grafana | None = Field(
        default=None, description="Draws the dashboards beside the status page; none: the page alone does"
    )
    runbooks: str = Field(default="docs/runbooks", description="Where the pages about alerts are: a folder or address")

    def topics(self) -> set[str]:
        """Those that receivers name."""
        return {receiver.sns.topic for receiver in self.receivers.values() if receiver.sns is not None}

    def secrets(self) -> set[str]:
        """Those that receivers need."""
        return {secret for receiver in self.receivers.values() for secret in receiver.secrets().values()}

    def objective_of(self, endpoint: str) -> Objective:
        """Its own, or everybody's."""
        return self.objectives.get(endpoint, self.objective)
