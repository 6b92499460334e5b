"""Alertmanager's configuration: who hears of what. Secrets are named as files and stand nowhere in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.catalogue.alerts.monitoring import WATCHDOG
from infra.catalogue.names import PLATFORM, devices_namespace
from infra.declaration.monitoring import Email, Monitoring, Receiver, Slack, Webhook
from infra.foundation import Topic
from infra.observability import message

SECRETS = "/var/run/secrets/receivers"
"""Where Alertmanager finds the declared secrets, each a file of its name."""

_NOBODY = "nobody at all"
"""No declared receiver can be called so."""
_SIGN_OF_LIFE = {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "30s"}
"""Told every minute, whatever holds of other news: each time that a group is looked at, the last word is too old."""
_NODE_DOWN = "NodeNotReady"
_MAY_BE_THE_CAUSE = ("GpuXidError", "GpuEccError")
"""Of a node's end: they are told with it."""


def routing(settings: Monitoring, platform: str, topics: Mapping[str, Topic] | None = None) -> Mapping[str, Any]:
    """`platform` is the platform's own namespace, whose alerts are the platform team's; `topics` are the place's."""
    return {
        "route": {
            "receiver": settings.default_receiver or _NOBODY,
            "group_by": ["alertname", "team", "namespace"],
            "group_wait": f"{settings.notifications.group_wait}s",
            "group_interval": f"{settings.notifications.group_interval}s",
            "repeat_interval": f"{settings.notifications.repeat_interval}s",
            "routes": [
                {
                    "matchers": [f'alertname="{WATCHDOG}"'],
                    "receiver": settings.watchdog or _NOBODY,
                    **_SIGN_OF_LIFE,
                },
                *(
                    {"matchers": [_whose(team, platform)], "receiver": receiver}
                    for team, receiver in settings.routes.items()
                ),
            ],
        },
        "inhibit_rules": [
            *_instead_of_what_is_on_the_node(settings),
            _inhibit(
                "ServingFailing", "alertname=~'ServingErrorBudgetShrinks|ServingSlow|ServingLatency.+'", "endpoint"
            ),
            _inhibit("ServingSlow", "alertname='ServingLatencyBudgetShrinks'", "endpoint"),
        ],
        "receivers": [
            {"name": _NOBODY},
            *({"name": name, **_way(receiver, topics or {})} for name, receiver in settings.receivers.items()),
        ],
    }


def _whose(team: str, platform: str) -> str:
    """What happens in a namespace is its team's."""
    own = "|".join((PLATFORM, platform, devices_namespace(platform)))
    return f'team=~"{own}"' if team == PLATFORM else f'team="{team}"'


def _instead_of_what_is_on_the_node(settings: Monitoring) -> Sequence[Mapping[str, Any]]:
    """A team is told nothing of its pods on a node that is down, as long as somebody is told of the node."""
    if PLATFORM not in settings.routes and settings.default_receiver is None:
        return []
    return [_inhibit(_NODE_DOWN, f"alertname!~'{'|'.join(_MAY_BE_THE_CAUSE)}'", "node")]


def _inhibit(source: str, hushed: str, *same: str) -> Mapping[str, Any]:
    """While `source` fires, what follows from it is not told. Labels that both lack are equal: each must have them."""
    there = [f'{label}!=""' for label in same]
    return {
        "source_matchers": [f'alertname="{source}"', *there],
        "target_matchers": [hushed.replace("'", '"'), f'alertname!="{source}"', *there],
        "equal": list(same),
    }


def _way(receiver: Receiver, topics: Mapping[str, Topic]) -> Mapping[str, Any]:
    if receiver.webhook is not None:
        return {"webhook_configs": [_webhook(receiver.webhook)]}
    if receiver.email is not None:
        return {"email_configs": [_email(receiver.email)]}
    if receiver.slack is not None:
        return {"slack_configs": [_slack(receiver.slack)]}
    assert receiver.topic is not None
    return topics[receiver.topic].receiver


def _webhook(webhook: Webhook) -> Mapping[str, Any]:
    login = {"http_config": {"authorization": {"credentials_file": _file(webhook.token)}}} if webhook.token else {}
    return {"url": webhook.url, "send_resolved": True, **login}


def _email(email: Email) -> Mapping[str, Any]:
    login = {"auth_username": email.username} if email.username else {}
    password = {"auth_password_file": _file(email.password)} if email.password else {}
    return {"to": email.to, "from": email.sender, "smarthost": email.server, "send_resolved": True, **login, **password}


def _slack(slack: Slack) -> Mapping[str, Any]:
    return {"channel": slack.channel, "api_url_file": _file(slack.url), "send_resolved": True, **message.SLACK}


def _file(secret: str) -> str:
    return f"{SECRETS}/{secret}"
