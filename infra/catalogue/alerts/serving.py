"""Alerts on endpoints' SLOs: availability, latency, and the age of the served model.

An SLO leaves an error budget: the part of requests that may be bad over the SLO window. The burn rate is how many
times faster than allowed the budget is spent. Each alert compares it over two windows: the long one shows that it
matters, the short one that it still goes on. Burn rates and windows are those of Google's SRE workbook (multiwindow,
multi-burn-rate alerts), as fractions of the SLO window: for 30 days, 1 hour with 5 minutes, 6 hours with 30 minutes,
and 3 days with 6 hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infra.catalogue.alerts.alert import DAY, MINUTE, OF_NAMESPACE, Alert
from infra.catalogue.metrics import ERROR_BUDGET, LATENCY_BUCKET, LATENCY_BUDGET, MAX_MODEL_AGE

DEFAULT_SLO_WINDOW = 30 * DAY
LONGEST_FRACTION, SHORTEST_FRACTION = 10, 8640
"""The longest and the shortest alerting window: the SLO window divided by these."""


@dataclass(frozen=True)
class BurnRate:
    """Alert above `rate`; the windows are the SLO window divided by `long` and by `short`."""

    long: int
    short: int
    rate: float


@dataclass(frozen=True)
class Indicator:
    """A service level indicator: the number of `bad` requests in a window, out of `all`."""

    bad: Callable[[str], str]
    all: Callable[[str], str]


_MIN_BAD_REQUESTS = 5
"""In the long window. Below it a burn rate is noise: at low traffic one bad request is a large part."""
_FAST_BURN = (BurnRate(720, SHORTEST_FRACTION, 14.4), BurnRate(120, 1440, 6))
_SLOW_BURN = (BurnRate(LONGEST_FRACTION, 120, 1),)
_BY = "namespace, endpoint"
_SECONDS = "inference_request_duration_seconds"
_SLO = "monitoring.objective"


def _failed(window: str) -> str:
    return f'sum by ({_BY}) (increase(inference_requests_total{{code=~"5.."}}[{window}]))'


def _requests(window: str) -> str:
    return f"sum by ({_BY}) (increase(inference_requests_total[{window}]))"


def _slow(window: str) -> str:
    """Requests above the latency of the SLO, whose histogram bucket differs by endpoint."""
    buckets = f"increase({_SECONDS}_bucket[{window}])"
    return f"({_timed(window)} - sum by ({_BY}) ({buckets} * on ({_BY}, le) group_left () {LATENCY_BUCKET}))"


def _timed(window: str) -> str:
    return f"sum by ({_BY}) (increase({_SECONDS}_count[{window}]))"


_AVAILABILITY, _LATENCY = Indicator(_failed, _requests), Indicator(_slow, _timed)


def alerts(slo_window: int) -> Sequence[Alert]:
    """The alerts for an SLO window of so many seconds."""
    endpoint = "endpoint {{ $labels.endpoint }}"
    value = "{{ $value | humanizePercentage }}"
    return (
        Alert(
            "ServingFailing",
            _burns(_AVAILABILITY, ERROR_BUDGET, _FAST_BURN, slo_window),
            f"{endpoint} fails {value} of its requests",
            for_=0,
            severity="critical",
            team=OF_NAMESPACE,
            configured_by=_SLO,
        ),
        Alert(
            "ServingErrorBudgetShrinks",
            _burns(_AVAILABILITY, ERROR_BUDGET, _SLOW_BURN, slo_window),
            f"{endpoint} fails more requests than its SLO allows ({value})",
            for_=0,
            team=OF_NAMESPACE,
            configured_by=_SLO,
        ),
        Alert(
            "ServingSlow",
            _burns(_LATENCY, LATENCY_BUDGET, _FAST_BURN, slo_window),
            f"{endpoint} exceeds its latency objective for {value} of its requests",
            for_=0,
            severity="critical",
            team=OF_NAMESPACE,
            configured_by=_SLO,
        ),
        Alert(
            "ServingLatencyBudgetShrinks",
            _burns(_LATENCY, LATENCY_BUDGET, _SLOW_BURN, slo_window),
            f"{endpoint} is slow more often than its SLO allows ({value})",
            for_=0,
            team=OF_NAMESPACE,
            configured_by=_SLO,
        ),
        Alert(
            "ChampionMissing",
            f"min by ({_BY}, model) (inference_model_loaded) == 0",
            f"{endpoint} has a server without a version of model {{{{ $labels.model }}}}",
            for_=15 * MINUTE,
            team=OF_NAMESPACE,
        ),
        Alert(
            "ChampionBroken",
            f"sum by ({_BY}) (increase(inference_model_load_failures_total[5m])) > 0",
            f"{endpoint} can't load the champion",
            for_=5 * MINUTE,
            team=OF_NAMESPACE,
        ),
        Alert(
            "ChampionOld",
            f"time() - max by ({_BY}, model, version) (inference_model_created_timestamp_seconds) "
            f"> on ({_BY}) group_left () {MAX_MODEL_AGE}",
            "version {{ $labels.version }} of model {{ $labels.model }} is {{ $value | humanizeDuration }} old",
            for_=0,
            team=OF_NAMESPACE,
            configured_by=_SLO,
        ),
    )


def _burns(indicator: Indicator, budget: str, burn_rates: Sequence[BurnRate], slo_window: int) -> str:
    """Above any of the burn rates, over both of its windows; the value is the bad part in the long window."""

    def above(fraction: int, rate: float) -> str:
        window = f"{slo_window // fraction}s"
        return f"({indicator.bad(window)} / {indicator.all(window)}) > on ({_BY}) ({rate} * {budget})"

    def enough(fraction: int) -> str:
        return f"{indicator.bad(f'{slo_window // fraction}s')} >= {_MIN_BAD_REQUESTS}"

    return " or ".join(
        f"({above(burn.long, burn.rate)} and on ({_BY}) ({above(burn.short, burn.rate)}) "
        f"and on ({_BY}) ({enough(burn.long)}))"
        for burn in burn_rates
    )
