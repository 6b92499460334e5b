"""Alertmanager's configuration: routes, inhibition rules, receivers. It refers to secrets by file only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.catalogue.alerts.monitoring import WATCHDOG
from infra.catalogue.names import PLATFORM, devices_namespace, gateway_namespace, logs_namespace
from infra.declaration.monitoring import Email, Monitoring, Receiver, Slack, Webhook
from infra.foundation import Topic

SECRETS = "/var/run/secrets/receivers"
"""Alertmanager's mount of the receivers' secrets, one file for each."""

Config = Mapping[str, Any]

_NO_RECEIVER = "no receiver"
"""A receiver without a destination. No declared receiver can have this name, since it contains a space."""
_HEARTBEAT = {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "30s"}
"""Sent every minute: with `repeat_interval` below `group_interval`, each flush of the group repeats it."""
_NODE_DOWN = "NodeNotReady"
_NODE_CAUSES = ("GpuXidError", "GpuEccError")
"""Possible causes of a node's failure, which are not inhibited by it."""

SLACK_MESSAGE = {
    "title": (
        '[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}] '
        "{{ .GroupLabels.alertname }}{{ with .GroupLabels.team }} ({{ . }}){{ end }}"
    ),
    # A path in the repository is not a link.
    "title_link": '{{ with .CommonAnnotations.runbook_url }}{{ if match "^https?://" . }}{{ . }}{{ end }}{{ end }}',
    # Escaped, so that a label's value cannot mention the whole channel.
    "text": (
        '{{ range .Alerts }}{{ if eq .Status "resolved" }}resolved: {{ end }}'
        '{{ .Annotations.summary | reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;" }}\n'
        "{{ end }}{{ with .CommonAnnotations.runbook_url }}Runbook: {{ . }}{{ end }}"
    ),
}
"""One line for each alert of the group, and the runbook, since Slack's default text is empty. The defaults of the other
receivers include all annotations."""


def alertmanager_config(settings: Monitoring, platform: str, topics: Mapping[str, Topic] | None = None) -> Config:
    """`platform` is the platform's namespace, whose alerts go to the platform team; `topics` are the foundation's."""
    return {
        "route": _route(settings, platform),
        "inhibit_rules": [
            *_node_inhibition(settings),
            _inhibit(
                "ServingFailing", 'alertname=~"ServingErrorBudgetShrinks|ServingSlow|ServingLatency.+"', "endpoint"
            ),
            _inhibit("ServingSlow", 'alertname="ServingLatencyBudgetShrinks"', "endpoint"),
        ],
        "receivers": [
            {"name": _NO_RECEIVER},
            *({"name": name, **_receiver(receiver, topics or {})} for name, receiver in settings.receivers.items()),
        ],
    }


def _route(settings: Monitoring, platform: str) -> Config:
    notifications = settings.notifications
    heartbeat = {
        "matchers": [f'alertname="{WATCHDOG}"'],
        "receiver": settings.watchdog or _NO_RECEIVER,
        **_HEARTBEAT,
    }
    teams = [
        {"matchers": [_team_matcher(team, platform)], "receiver": receiver}
        for team, receiver in settings.routes.items()
    ]
    return {
        "receiver": settings.default_receiver or _NO_RECEIVER,
        "group_by": ["alertname", "team", "namespace"],
        "group_wait": f"{notifications.group_wait}s",
        "group_interval": f"{notifications.group_interval}s",
        "repeat_interval": f"{notifications.repeat_interval}s",
        "routes": [heartbeat, *teams],
    }


def _team_matcher(team: str, platform: str) -> str:
    """The label `team` is the namespace of the problem; the platform team owns these namespaces."""
    others = (devices_namespace(platform), logs_namespace(platform), gateway_namespace(platform))
    own = "|".join((PLATFORM, platform, *others))
    return f'team=~"{own}"' if team == PLATFORM else f'team="{team}"'


def _node_inhibition(settings: Monitoring) -> Sequence[Config]:
    """Inhibits alerts on pods of a failed node, provided that the alert on the node itself reaches a receiver."""
    if PLATFORM not in settings.routes and settings.default_receiver is None:
        return []
    return [_inhibit(_NODE_DOWN, f'alertname!~"{"|".join(_NODE_CAUSES)}"', "node")]


def _inhibit(source: str, target: str, *equal: str) -> Config:
    """`source` inhibits `target`. Alertmanager treats labels that both lack as equal, so each must have them."""
    present = [f'{label}!=""' for label in equal]
    return {
        "source_matchers": [f'alertname="{source}"', *present],
        "target_matchers": [target, f'alertname!="{source}"', *present],
        "equal": list(equal),
    }


def _receiver(receiver: Receiver, topics: Mapping[str, Topic]) -> Config:
    if receiver.webhook is not None:
        return {"webhook_configs": [_webhook(receiver.webhook)]}
    if receiver.email is not None:
        return {"email_configs": [_email(receiver.email)]}
    if receiver.slack is not None:
        return {"slack_configs": [_slack(receiver.slack)]}
    assert receiver.topic is not None
    return topics[receiver.topic].receiver


def _webhook(webhook: Webhook) -> Config:
    login = {"http_config": {"authorization": {"credentials_file": _file(webhook.token)}}} if webhook.token else {}
    return {"url": webhook.url, "send_resolved": True, **login}


def _email(email: Email) -> Config:
    login = {"auth_username": email.username} if email.username else {}
    password = {"auth_password_file": _file(email.password)} if email.password else {}
    return {"to": email.to, "from": email.sender, "smarthost": email.server, "send_resolved": True, **login, **password}


def _slack(slack: Slack) -> Config:
    return {"channel": slack.channel, "api_url_file": _file(slack.url), "send_resolved": True, **SLACK_MESSAGE}


def _file(secret: str) -> str:
    return f"{SECRETS}/{secret}"
