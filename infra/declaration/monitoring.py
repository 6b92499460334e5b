"""What is looked at, what is promised of endpoints, and who hears of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from infra.catalogue.names import PLATFORM
from infra.declaration.grafana import Grafana
from infra.declaration.monitoring_types import (
    AlertName,
    Http,
    Interval,
    Latency,
    Mailboxes,
    MailServer,
    Percent,
    Query,
    Runbooks,
    Span,
    Summary,
    readable_on_the_way,
)
from infra.declaration.settings import Settings
from infra.declaration.types import Cpu, Memory, Name, Seconds, written


class Objective(Settings):
    """What is promised of an endpoint, and holds over the period that is common to all."""

    availability: Percent = Field(default=99.5, description="Percent of requests that are not failed by the endpoint")
    fast: Percent = Field(default=99.0, description="Percent of requests that are answered within the latency")
    latency: Latency = Field(default=written("500ms"), description="What counts as fast: one of the measured bounds")
    champion_age: Span = Field(default=written("90d"), description="How old the served version may become")


class Webhook(Settings):
    """Gets alerts as JSON by POST."""

    url: Http = Field(
        description="Where alerts are sent; with a token by https, or by http to a Service of the cluster"
    )
    token: Name | None = Field(default=None, description="The secret that is sent as a bearer token")

    @field_validator("token")
    @classmethod
    def _nobody_reads_it_on_the_way(cls, token: str | None, given: ValidationInfo) -> str | None:
        url = given.data.get("url", "")
        if token is not None and readable_on_the_way(url):
            raise ValueError(f"would be readable for all on the way to {url}; write https:// in 'url'")
        return token


class Email(Settings):
    """Letters through a mail server that speaks TLS."""

    to: Mailboxes = Field(description="The address, or several with commas between them")
    sender: Mailboxes = Field(description="The address that letters come from")
    server: MailServer = Field(description="Its host and port")
    username: str | None = Field(default=None, description="Of the login to the server; none: without a login")
    password: Name | None = Field(default=None, description="The secret with the password")

    @model_validator(mode="after")
    def _both_or_neither(self) -> Email:
        there, missing = ("username", "password") if self.username else ("password", "username")
        if bool(self.username) != bool(self.password):
            raise ValueError(f"has a '{there}' without a '{missing}'; write both, or neither for no login")
        return self


class Slack(Settings):
    """Messages in a channel."""

    channel: str = Field(description="The channel, such as '#vision'")
    url: Name = Field(description="The secret with the address of the incoming webhook")


class Sns(Settings):
    """Messages to all who subscribed to a topic."""

    topic: Name = Field(description="Its name within the stack, which makes it")


class Receiver(Settings):
    """Somebody who hears of alerts: by exactly one way."""

    webhook: Webhook | None = Field(default=None, description="A program that takes JSON")
    email: Email | None = Field(default=None, description="An address, through a mail server")
    slack: Slack | None = Field(default=None, description="A channel of Slack")
    sns: Sns | None = Field(default=None, description="A topic of Amazon SNS, where the place makes topics")

    @model_validator(mode="after")
    def _exactly_one(self) -> Receiver:
        if sum(way is not None for way in (self.webhook, self.email, self.slack, self.sns)) != 1:
            raise ValueError("hears of alerts by exactly one way; declare 'webhook', 'email', 'slack' or 'sns'")
        return self

    @property
    def topic(self) -> str | None:
        """The name of the topic that it publishes to."""
        return self.sns.topic if self.sns else None

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

    expr: Query = Field(
        description="PromQL; whatever it finds is said. What a team's own code tells has its job: name{job='training'}"
    )
    after: Seconds = Field(default=written("5m"), description="How long it must have been found")
    severity: Literal["critical", "warning"] = Field(
        default="warning", description="A label of the alert; critical is for what can't wait"
    )
    team: Name = Field(default=PLATFORM, description="Who answers for it")
    summary: Summary = Field(description="What is said, in a few words; may use the labels, as in {{ $labels.pod }}")
    runbook: Http | None = Field(default=None, description="The address of a page that says what to do")


class Notifications(Settings):
    """How alerts that belong together are told together."""

    wait: Seconds = Field(default=written("10s"), description="For more of the kind, before the first is told")
    interval: Seconds = Field(default=written("1m"), description="Before news of the same kind are told")
    repeat: Seconds = Field(default=written("4h"), description="Before what goes on is told again")


class Monitoring(Settings):
    """Prometheus and Alertmanager."""

    retention: Span = Field(default=written("7d"), description="How long metrics are kept")
    storage: Memory = Field(default="5Gi", description="The size of the volume with metrics")
    cpu: Cpu = Field(default="200m", description="Cores that Prometheus asks for")
    memory: Memory = Field(default="512Mi", description="Prometheus's, asked for and limited alike")
    scrape_interval: Interval = Field(
        default=written("30s"),
        description="How often metrics are asked for and rules are evaluated; at most 1m",
        examples=["15s", "1m"],
    )
    objective: Objective = Field(
        default=Objective(), description="What is promised of endpoints that have none of their own"
    )
    objectives: dict[Name, Objective] = Field(default={}, description="What is promised of one endpoint, by its name")
    period: Span = Field(default=written("30d"), description="Over which objectives hold")
    alert_after: dict[AlertName, Seconds] = Field(
        default={}, description="By alert, how long it must last, where that differs"
    )
    rules: dict[AlertName, Rule] = Field(default={}, description="More alerts, by name")
    receivers: dict[Name, Receiver] = Field(default={}, description="Who may hear of alerts, by name")
    routes: dict[Name, Name] = Field(default={}, description="By team, or 'platform', the receiver of its alerts")
    default_receiver: Name | None = Field(default=None, description="Of alerts without a route; none: nobody")
    watchdog: Name | None = Field(default=None, description="The receiver of a sign of life, told again all the time")
    notifications: Notifications = Field(default=Notifications(), description="When and how often alerts are told")
    grafana: Grafana | None = Field(
        default=None, description="Draws the dashboards beside the status page; none: the page alone does"
    )
    runbooks: Runbooks = Field(
        default="docs/runbooks", description="Where the pages about alerts are: a folder or address"
    )

    def topics(self) -> set[str]:
        """Those that receivers name."""
        return {receiver.topic for receiver in self.receivers.values() if receiver.topic is not None}

    def secrets(self) -> set[str]:
        """Those that receivers need."""
        return {secret for receiver in self.receivers.values() for secret in receiver.secrets().values()}

    def objective_of(self, endpoint: str) -> Objective:
        """Its own, or everybody's."""
        return self.objectives.get(endpoint, self.objective)
