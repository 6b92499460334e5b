"""What each team has held of the cluster in the last month, by the records of Prometheus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.prometheus import forwarded, query
from common.errors import CommandError
from infra.catalogue.metrics import TEAM_IDLE, TEAM_REQUESTS
from infra.declaration.model import Platform
from infra.declaration.monitoring import Monitoring

_MONTH = 30 * 24 * 3600
_HOUR = 3600
_UNITS = {"cpu": 1, "memory": 2**30, "gpu": 1}
"""Of the records, those that are shown: cores, GiB, GPUs."""


@dataclass(frozen=True)
class Held:
    """Hours of one resource: of cores, GiB or GPUs."""

    requested: float
    idle: float
    """The part that was requested and not used."""


@dataclass(frozen=True)
class Usage:
    """By team and resource, in the last `seconds`: a month, or as long as Prometheus keeps metrics."""

    seconds: int
    teams: Mapping[str, Mapping[str, Held]]
    missing: str = ""
    """Why nothing is known."""


def usage(name: str, platform: Platform) -> Usage | None:
    """That of stack `name`; None if there is no monitoring."""
    monitoring = platform.monitoring
    if monitoring is None:
        return None
    try:
        with forwarded(name, platform) as address:
            return recorded(address, monitoring, list(platform.teams))
    except CommandError as error:
        return Usage(0, {}, f"{error.what}: {error.why}")


def recorded(address: str, monitoring: Monitoring, teams: Sequence[str]) -> Usage:
    """By the Prometheus at an address."""
    seconds = min(_MONTH, monitoring.retention)
    requested, idle = (
        _hours(address, metric, seconds, monitoring.scrape_interval) for metric in (TEAM_REQUESTS, TEAM_IDLE)
    )
    return Usage(seconds, {team: _of_team(team, requested, idle) for team in teams})


def _of_team(
    team: str, requested: Mapping[tuple[str, str], float], idle: Mapping[tuple[str, str], float]
) -> dict[str, Held]:
    keys = {resource: (team, resource) for resource in _UNITS}
    return {resource: Held(requested.get(key, 0.0), idle.get(key, 0.0)) for resource, key in keys.items()}


def _hours(address: str, metric: str, seconds: int, interval: int) -> dict[tuple[str, str], float]:
    """By namespace and resource. Each record stands for the time until the next one: what was not recorded, while
    Prometheus did not run, does not count."""
    found = query(address, f"sum_over_time({metric}[{seconds}s]) * {interval} / {_HOUR}")
    return {_key(each["metric"]): _amount(each) for each in found}


def _key(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels["namespace"], labels["resource"]


def _amount(series: Mapping[str, Any]) -> float:
    return float(series["value"][1]) / _UNITS[series["metric"]["resource"]]
