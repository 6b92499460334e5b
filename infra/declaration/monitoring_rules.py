"""What monitoring's settings must agree with: receivers, teams, endpoints, alerts, and each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from infra.catalogue.alerts.serving import LONGEST_PART, SHORTEST_PART
from infra.catalogue.alerts.table import NAMES
from infra.catalogue.names import PLATFORM
from infra.declaration.monitoring import Monitoring
from infra.declaration.problems import Problem, suggestion

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_FEWEST_SAMPLES = 4
"""In the shortest window: with fewer, one lost scrape hides everything."""


def routes_lead_somewhere(platform: Platform, root: Path) -> Iterator[Problem]:
    """Whoever is named as a receiver is declared; whoever has a route is a team."""
    monitoring, owners = _declared(platform), [PLATFORM, *platform.teams]
    for team in monitoring.routes:
        if team not in owners:
            yield Problem(f"monitoring.routes.{team}", f"team '{team}' is not declared{suggestion(team, owners)}")
    named = {
        "defaultReceiver": monitoring.default_receiver,
        "watchdog": monitoring.watchdog,
        **{f"routes.{team}": receiver for team, receiver in monitoring.routes.items()},
    }
    for path, receiver in named.items():
        if receiver is not None and receiver not in monitoring.receivers:
            words = f"receiver '{receiver}' is not declared{suggestion(receiver, monitoring.receivers)}"
            yield Problem(f"monitoring.{path}", words)


def receivers_secrets_are_declared(platform: Platform, root: Path) -> Iterator[Problem]:
    """Their values stand nowhere else."""
    for name, receiver in _declared(platform).receivers.items():
        for path, secret in receiver.secrets().items():
            if secret not in platform.secrets:
                words = f"secret '{secret}' is not declared{suggestion(secret, platform.secrets)}"
                yield Problem(f"monitoring.receivers.{name}.{path}", words)


def receivers_secrets_tell_their_own_team(platform: Platform, root: Path) -> Iterator[Problem]:
    """A team's secret opens a place of the team's, where news of others don't belong; the platform's opens any."""
    for name, receiver in _declared(platform).receivers.items():
        for path, secret in receiver.secrets().items():
            owner = platform.secrets[secret].team if secret in platform.secrets else PLATFORM
            others = [route for route, whose in _leading_to(name, platform).items() if whose != owner]
            if owner != PLATFORM and others:
                words = (
                    f"secret '{secret}' belongs to team '{owner}', and {', '.join(others)} would tell news of others "
                    f"with it; lead them to another receiver, or write team: {PLATFORM} in secrets.{secret}"
                )
                yield Problem(f"monitoring.receivers.{name}.{path}", words)


def _leading_to(receiver: str, platform: Platform) -> dict[str, str]:
    """The settings that name a receiver, and whose alerts each of them sends there."""
    monitoring = _declared(platform)
    everybodys = {"defaultReceiver": monitoring.default_receiver, "watchdog": monitoring.watchdog}
    return {
        **{f"routes.{team}": team for team, named in monitoring.routes.items() if named == receiver},
        **{path: PLATFORM for path, named in everybodys.items() if named == receiver},
    }


def grafana_is_one_that_can_be_reached(platform: Platform, root: Path) -> Iterator[Problem]:
    """Its token is one that it made itself; and what is shown in two places is found in neither."""
    grafana = _declared(platform).grafana
    existing = grafana.existing if grafana else None
    if existing is not None and existing.token not in platform.secrets:
        words = f"secret '{existing.token}' is not declared{suggestion(existing.token, platform.secrets)}"
        yield Problem("monitoring.grafana.existing.token", words)
    elif existing is not None:
        secret = platform.secrets[existing.token]
        if secret.team != PLATFORM:
            words = f"secret '{existing.token}' belongs to team '{secret.team}'; write team: {PLATFORM} in secrets"
            yield Problem("monitoring.grafana.existing.token", words)
        if secret.generate:
            words = f"'{existing.token}' is generated, so that no Grafana knows it; give it the one that Grafana made"
            yield Problem("monitoring.grafana.existing.token", f"{words}, without 'generate'")
    if grafana is not None and platform.foundation.manages_grafana:
        words = "the foundation has one already (managedGrafana); declare one of the two"
        yield Problem("monitoring.grafana", words)


def objectives_are_of_endpoints(platform: Platform, root: Path) -> Iterator[Problem]:
    """Nothing measures any other."""
    for endpoint in _declared(platform).objectives:
        if endpoint not in platform.serving:
            words = f"endpoint '{endpoint}' is not declared{suggestion(endpoint, platform.serving)}"
            yield Problem(f"monitoring.objectives.{endpoint}", words)


def alerts_are_known(platform: Platform, root: Path) -> Iterator[Problem]:
    """A name means one alert."""
    monitoring, owners = _declared(platform), [PLATFORM, *platform.teams]
    for alert in monitoring.alert_after:
        if alert not in NAMES:
            where = "its 'after' stands in monitoring.rules" if alert in monitoring.rules else None
            words = f"there is no alert '{alert}'{suggestion(alert, NAMES)}"
            yield Problem(f"monitoring.alertAfter.{alert}", where or words)
    for alert, rule in monitoring.rules.items():
        if alert in NAMES:
            words = f"'{alert}' is an alert of the platform itself; write another name"
            yield Problem(f"monitoring.rules.{alert}", words)
        if rule.team not in owners:
            words = f"team '{rule.team}' is not declared{suggestion(rule.team, owners)}"
            yield Problem(f"monitoring.rules.{alert}.team", words)


def windows_can_be_measured(platform: Platform, root: Path) -> Iterator[Problem]:
    """Alerts look back over parts of the objectives' period."""
    monitoring = _declared(platform)
    longest, shortest = monitoring.period // LONGEST_PART, monitoring.period // SHORTEST_PART
    if monitoring.retention < longest:
        hours = -(-longest // 3600)
        words = f"is shorter than alerts look back, a {LONGEST_PART}th of the period; write at least {hours}h"
        yield Problem("monitoring.retention", words)
    if shortest < _FEWEST_SAMPLES * monitoring.scrape_interval:
        words = (
            f"its shortest window of {shortest} s holds fewer than {_FEWEST_SAMPLES} samples at a scrapeInterval of "
            f"{monitoring.scrape_interval} s; write a longer period or a shorter interval"
        )
        yield Problem("monitoring.period", words)


def _declared(platform: Platform) -> Monitoring:
    """Without any, what there is by default, which nothing is wrong with."""
    return platform.monitoring or Monitoring()


RULES = (
    routes_lead_somewhere,
    receivers_secrets_are_declared,
    receivers_secrets_tell_their_own_team,
    grafana_is_one_that_can_be_reached,
    objectives_are_of_endpoints,
    alerts_are_known,
    windows_can_be_measured,
)
