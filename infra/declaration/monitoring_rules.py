"""Checks of the monitoring settings against the rest of the declaration: receivers, teams, endpoints, alerts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from infra.catalogue.alerts.serving import LONGEST_FRACTION, SHORTEST_FRACTION
from infra.catalogue.names import PLATFORM
from infra.declaration.alerts import ALERTS
from infra.declaration.monitoring import Monitoring
from infra.declaration.problems import Problem, suggestion

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_MIN_SAMPLES = 4
"""In the shortest alerting window: with fewer, one failed scrape makes the window empty."""


def routes_name_known_teams_and_receivers(platform: Platform, root: Path) -> Iterator[Problem]:
    """Routes are keyed by a declared team and name a declared receiver."""
    monitoring, owners = _monitoring(platform), [PLATFORM, *platform.teams]
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
            message = f"receiver '{receiver}' is not declared{suggestion(receiver, monitoring.receivers)}"
            yield Problem(f"monitoring.{path}", message)


def receivers_use_declared_secrets(platform: Platform, root: Path) -> Iterator[Problem]:
    """A receiver's secret has an entry in `secrets`."""
    for name, receiver in _monitoring(platform).receivers.items():
        for path, secret in receiver.secrets().items():
            if secret not in platform.secrets:
                message = f"secret '{secret}' is not declared{suggestion(secret, platform.secrets)}"
                yield Problem(f"monitoring.receivers.{name}.{path}", message)


def a_teams_receiver_gets_only_its_alerts(platform: Platform, root: Path) -> Iterator[Problem]:
    """A receiver with a team's secret gets that team's alerts only; one with a platform secret may get any."""
    for name, receiver in _monitoring(platform).receivers.items():
        for path, secret in receiver.secrets().items():
            owner = platform.secrets[secret].team if secret in platform.secrets else PLATFORM
            others = [route for route, team in _routes_to(name, platform).items() if team != owner]
            if owner != PLATFORM and others:
                message = (
                    f"secret '{secret}' belongs to team '{owner}', and {', '.join(others)} would send it alerts of "
                    f"others; use another receiver there, or write team: {PLATFORM} in secrets.{secret}"
                )
                yield Problem(f"monitoring.receivers.{name}.{path}", message)


def _routes_to(receiver: str, platform: Platform) -> dict[str, str]:
    """The settings that name a receiver, with the team whose alerts each of them sends there."""
    monitoring = _monitoring(platform)
    of_all_teams = {"defaultReceiver": monitoring.default_receiver, "watchdog": monitoring.watchdog}
    return {
        **{f"routes.{team}": team for team, named in monitoring.routes.items() if named == receiver},
        **{path: PLATFORM for path, named in of_all_teams.items() if named == receiver},
    }


def grafana_is_reachable_and_unique(platform: Platform, root: Path) -> Iterator[Problem]:
    """An existing Grafana needs a token that it issued itself; only one Grafana may be declared."""
    grafana = _monitoring(platform).grafana
    existing = grafana.existing if grafana else None
    if existing is not None and existing.token not in platform.secrets:
        message = f"secret '{existing.token}' is not declared{suggestion(existing.token, platform.secrets)}"
        yield Problem("monitoring.grafana.existing.token", message)
    elif existing is not None:
        secret = platform.secrets[existing.token]
        if secret.team != PLATFORM:
            message = f"secret '{existing.token}' belongs to team '{secret.team}'; write team: {PLATFORM} in secrets"
            yield Problem("monitoring.grafana.existing.token", message)
        if secret.generate:
            message = (
                f"secret '{existing.token}' is generated, so that Grafana does not know it; remove 'generate' and set "
                "it to a token that Grafana issued"
            )
            yield Problem("monitoring.grafana.existing.token", message)
    if grafana is not None and platform.foundation.manages_grafana:
        message = "the foundation already provides a Grafana (managedGrafana); declare only one of the two"
        yield Problem("monitoring.grafana", message)


def alert_settings_fit_the_alert(platform: Platform, root: Path) -> Iterator[Problem]:
    """Overrides name an alert of the platform, and a threshold is in the range of that alert."""
    monitoring = _monitoring(platform)
    for name, override in monitoring.alerts.items():
        path = f"monitoring.alerts.{name}"
        if name not in ALERTS:
            own = f"'{name}' is declared in monitoring.rules; change it there"
            unknown = f"there is no alert '{name}'{suggestion(name, ALERTS)}"
            yield Problem(path, own if name in monitoring.rules else unknown)
        elif override.threshold is not None and (message := _threshold_problem(name, override.threshold)):
            yield Problem(f"{path}.threshold", message)


def _threshold_problem(name: str, value: float) -> str | None:
    alert = ALERTS[name]
    if alert.threshold is None:
        instead = f"set {alert.configured_by} instead" if alert.configured_by else "only 'for' can be set"
        return f"alert '{name}' has no threshold; {instead}"
    if alert.threshold.allows(value):
        return None
    threshold = alert.threshold
    return f"{value:g} is out of range; write {threshold.allowed} ({threshold.meaning}; default {threshold.default:g})"


def rules_do_not_replace_alerts(platform: Platform, root: Path) -> Iterator[Problem]:
    """An additional alert has a name of its own and belongs to a declared team."""
    owners = [PLATFORM, *platform.teams]
    for name, rule in _monitoring(platform).rules.items():
        if name in ALERTS:
            message = f"'{name}' is an alert of the platform itself; choose another name, or override it in alerts"
            yield Problem(f"monitoring.rules.{name}", message)
        if rule.team not in owners:
            message = f"team '{rule.team}' is not declared{suggestion(rule.team, owners)}"
            yield Problem(f"monitoring.rules.{name}.team", message)


def alerting_windows_are_measurable(platform: Platform, root: Path) -> Iterator[Problem]:
    """Prometheus keeps the longest alerting window, and the shortest one has enough samples."""
    monitoring = _monitoring(platform)
    longest, shortest = monitoring.slo_window // LONGEST_FRACTION, monitoring.slo_window // SHORTEST_FRACTION
    if monitoring.retention < longest:
        hours = -(-longest // 3600)
        message = f"is shorter than the longest alerting window, 1/{LONGEST_FRACTION} of sloWindow; "
        yield Problem("monitoring.retention", f"{message}write at least {hours}h")
    if shortest < _MIN_SAMPLES * monitoring.scrape_interval:
        message = (
            f"its shortest alerting window of {shortest} s holds fewer than {_MIN_SAMPLES} samples at a scrapeInterval "
            f"of {monitoring.scrape_interval} s; write a longer sloWindow or a shorter scrapeInterval"
        )
        yield Problem("monitoring.sloWindow", message)


def _monitoring(platform: Platform) -> Monitoring:
    """The declared settings, or the defaults, which are valid."""
    return platform.monitoring or Monitoring()


RULES = (
    routes_name_known_teams_and_receivers,
    receivers_use_declared_secrets,
    a_teams_receiver_gets_only_its_alerts,
    grafana_is_reachable_and_unique,
    alert_settings_fit_the_alert,
    rules_do_not_replace_alerts,
    alerting_windows_are_measurable,
)
