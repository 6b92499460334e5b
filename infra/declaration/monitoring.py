"""Monitoring: metrics, endpoints' SLOs, alerts, and the notifications about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from infra.catalogue.names import PLATFORM
from infra.declaration.grafana import Grafana
from infra.declaration.logs import Logs
from infra.declaration.monitoring_types import (
    AlertName,
    Http,
    Interval,
    Latency,
    Mailbox,
    Mailboxes,
    MailServer,
    Number,
    Percent,
    Query,
    Runbooks,
    Span,
    Summary,
    sent_in_clear_text,
)
from infra.declaration.types import Cpu, Memory, Name, Seconds, Settings, written


class Objective(Settings):
    """The service level objectives (SLOs) of an endpoint, over the SLO window."""

    availability: Percent = Field(default=99.5, description="Percent of requests that must not fail with 5xx")
    latency_target: Percent = Field(
        default=99.0, description="Percent of requests that must be answered within 'latency'"
    )
    latency: Latency = Field(
        default=written("500ms"), description="The latency objective: a bucket of the request duration histogram"
    )
    max_model_age: Span = Field(
        default=written("90d"), description="The age of the served model version at which ChampionOld fires"
    )


class AlertSettings(Settings):
    """Overrides the defaults of one of the platform's alerts."""

    for_: Seconds | None = Field(
        default=None,
        alias="for",
        description="How long the alert's expression must hold before the alert fires; none: the alert's default",
    )
    threshold: Number | None = Field(
        default=None,
        description="The value that the alert's expression compares with; none: the alert's default",
    )


class Webhook(Settings):
    """Receives alerts as JSON in a POST request."""

    url: Http = Field(description="The URL; with a token it must use https, or http to a Service of the cluster")
    token: Name | None = Field(default=None, description="The secret that is sent as a bearer token")

    @field_validator("token")
    @classmethod
    def _is_encrypted(cls, token: str | None, validated: ValidationInfo) -> str | None:
        url = validated.data.get("url", "")
        if token is not None and sent_in_clear_text(url):
            raise ValueError(f"would be sent unencrypted to {url}; write https:// in 'url'")
        return token


class Email(Settings):
    """Sends email through an SMTP server with TLS."""

    to: Mailboxes = Field(description="The recipient's address, or several separated by commas")
    sender: Mailboxes = Field(description="The sender's address (From)")
    server: MailServer = Field(description="Host and port of the SMTP server")
    username: str | None = Field(default=None, description="The user name of the SMTP login; none: no login")
    password: Name | None = Field(default=None, description="The secret with the password of the SMTP login")

    @model_validator(mode="after")
    def _both_or_neither(self) -> Email:
        present, missing = ("username", "password") if self.username else ("password", "username")
        if bool(self.username) != bool(self.password):
            raise ValueError(f"has a '{present}' without a '{missing}'; write both, or neither for no login")
        return self


class Slack(Settings):
    """Posts messages to a Slack channel."""

    channel: str = Field(description="The channel, such as '#vision'")
    url: Name = Field(description="The secret with the URL of the incoming webhook")


class Sns(Settings):
    """Publishes messages to an Amazon SNS topic that the stack creates."""

    topic: Name = Field(description="The topic's name within the stack")
    email: Annotated[tuple[Mailbox, ...], Field(strict=False)] = Field(
        default=(),
        description="Addresses that are subscribed to the topic; each must confirm with the link that Amazon SNS sends",
    )


class Receiver(Settings):
    """A destination of notifications: exactly one of webhook, email, slack and sns."""

    webhook: Webhook | None = Field(default=None, description="A webhook that takes JSON")
    email: Email | None = Field(default=None, description="Email through an SMTP server")
    slack: Slack | None = Field(default=None, description="A Slack channel")
    sns: Sns | None = Field(default=None, description="An Amazon SNS topic, where the foundation creates topics")

    @model_validator(mode="after")
    def _exactly_one(self) -> Receiver:
        if sum(kind is not None for kind in (self.webhook, self.email, self.slack, self.sns)) != 1:
            raise ValueError("needs exactly one of 'webhook', 'email', 'slack' and 'sns'")
        return self

    @property
    def topic(self) -> str | None:
        """The name of the topic that it publishes to."""
        return self.sns.topic if self.sns else None

    def secrets(self) -> dict[str, str]:
        """The declared secrets that it uses, by the path of the setting that names them."""
        named = {
            "webhook.token": self.webhook and self.webhook.token,
            "email.password": self.email and self.email.password,
            "slack.url": self.slack and self.slack.url,
        }
        return {path: name for path, name in named.items() if name}


class Rule(Settings):
    """An alert that the platform team adds."""

    expr: Query = Field(
        description="PromQL; the alert fires for each series that it returns. Select metrics of teams' own code by "
        "their job: name{job='training'}"
    )
    for_: Seconds = Field(
        default=written("5m"),
        alias="for",
        description="How long the expression must hold before the alert fires",
    )
    severity: Literal["critical", "warning"] = Field(
        default="warning", description="The alert's severity label; critical means that action is needed now"
    )
    team: Name = Field(default=PLATFORM, description="The team that is notified")
    summary: Summary = Field(description="One line about the problem; may use labels, as in {{ $labels.pod }}")
    runbook: Http | None = Field(default=None, description="The URL of the alert's runbook")


class Notifications(Settings):
    """How Alertmanager groups and repeats notifications."""

    group_wait: Seconds = Field(
        default=written("10s"), description="How long to wait for more alerts of a group before the first notification"
    )
    group_interval: Seconds = Field(
        default=written("1m"), description="The minimum time between two notifications about changes in a group"
    )
    repeat_interval: Seconds = Field(
        default=written("4h"), description="How long until a notification about an unchanged group is repeated"
    )


class Monitoring(Settings):
    """Prometheus, Alertmanager, alerts, dashboards and the status page."""

    retention: Span = Field(default=written("7d"), description="How long Prometheus keeps metrics")
    storage: Memory = Field(default="5Gi", description="The size of Prometheus's volume")
    cpu: Cpu = Field(default="200m", description="Prometheus's CPU request")
    memory: Memory = Field(default="512Mi", description="Prometheus's memory request and limit")
    scrape_interval: Interval = Field(
        default=written("30s"),
        description="The interval of scrapes and of rule evaluations; at most 1m",
        examples=["15s", "1m"],
    )
    objective: Objective = Field(
        default=Objective(), description="The SLOs of endpoints without an entry in objectives"
    )
    objectives: dict[Name, Objective] = Field(default={}, description="The SLOs of single endpoints, by endpoint name")
    slo_window: Span = Field(
        default=written("30d"), description="The SLO window: error budgets and burn rates are computed over it"
    )
    alerts: dict[AlertName, AlertSettings] = Field(
        default={}, description="Overrides for the platform's alerts, by alert name"
    )
    rules: dict[AlertName, Rule] = Field(default={}, description="Additional alerts, by name")
    receivers: dict[Name, Receiver] = Field(default={}, description="Destinations of notifications, by name")
    routes: dict[Name, Name] = Field(
        default={}, description="The receiver of each team's alerts, by team; 'platform' is the platform team"
    )
    default_receiver: Name | None = Field(
        default=None, description="The receiver of alerts without a route; none: no notification"
    )
    watchdog: Name | None = Field(
        default=None, description="The receiver of the Watchdog heartbeat (dead-man's switch), sent every minute"
    )
    notifications: Notifications = Field(
        default=Notifications(), description="How notifications are grouped and repeated"
    )
    grafana: Grafana | None = Field(
        default=None, description="A Grafana with the dashboards; none: only the status page shows them"
    )
    logs: Logs | None = Field(
        default=None, description="A store of the logs of pods; none: logs are lost with their pods"
    )
    runbooks: Runbooks = Field(
        default="docs/runbooks", description="The folder or URL of the runbooks that alerts link to"
    )

    def topics(self) -> dict[str, list[str]]:
        """The SNS topics that receivers name, with the addresses that are subscribed to each."""
        named = [receiver.sns for receiver in self.receivers.values() if receiver.sns is not None]
        return {
            topic: sorted({address for sns in named if sns.topic == topic for address in sns.email})
            for topic in sorted({sns.topic for sns in named})
        }

    def platform_topic(self) -> str | None:
        """The SNS topic that the platform team's alerts go to, if they go to one."""
        receiver = self.routes.get(PLATFORM, self.default_receiver)
        return self.receivers[receiver].topic if receiver is not None else None

    def named_secrets(self) -> Iterator[tuple[str, str]]:
        """The declared secrets that it uses, after the path of the setting that names them."""
        for name, receiver in self.receivers.items():
            for path, secret in receiver.secrets().items():
                yield f"receivers.{name}.{path}", secret
        if self.grafana is not None and self.grafana.existing is not None:
            yield "grafana.existing.token", self.grafana.existing.token

    def secrets(self) -> set[str]:
        """The declared secrets that receivers use."""
        return {secret for receiver in self.receivers.values() for secret in receiver.secrets().values()}

    def objective_of(self, endpoint: str) -> Objective:
        """The endpoint's own SLOs, or the default ones."""
        return self.objectives.get(endpoint, self.objective)
