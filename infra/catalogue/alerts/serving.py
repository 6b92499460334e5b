"""Endpoints against what was promised of them.

An objective leaves a budget of bad answers for a period. How fast it is spent is looked at over two windows at once:
the long one says that it matters, the short one that it still goes on. Factors and the windows' parts of a period are
those of Google's SRE workbook: for 30 days they are 1 hour and 5 minutes, 6 hours and 30 minutes, 3 days and 6 hours.
Where little is asked, one bad answer is a large part: of a few in the long window nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infra.catalogue.alerts.alert import MINUTE, OF_NAMESPACE, Alert
from infra.catalogue.metrics import CHAMPION_AGE, ERROR_BUDGET, FAST_BUCKET, SLOW_BUDGET

DEFAULT_PERIOD = 30 * 24 * 60 * MINUTE
LONGEST_PART, SHORTEST_PART = 10, 8640
"""Of a period: its longest and its shortest window."""


@dataclass(frozen=True)
class Burn:
    """`factor` times faster than the budget allows; windows are parts of the period."""

    long: int
    short: int
    factor: float


@dataclass(frozen=True)
class Measure:
    """How many answers of a window were `bad`, out of `all`."""

    bad: Callable[[str], str]
    all: Callable[[str], str]


_FEWEST = 5
"""Bad answers in the long window."""
_FAST = (Burn(720, SHORTEST_PART, 14.4), Burn(120, 1440, 6))
_SLOW = (Burn(LONGEST_PART, 120, 1),)
_BY = "namespace, endpoint"
_SECONDS = "inference_request_duration_seconds"


def _failed(window: str) -> str:
    return f'sum by ({_BY}) (increase(inference_requests_total{{code=~"5.."}}[{window}]))'


def _answered(window: str) -> str:
    return f"sum by ({_BY}) (increase(inference_requests_total[{window}]))"


def _late(window: str) -> str:
    """The bucket that is fast enough differs from one endpoint to the next."""
    buckets = f"increase({_SECONDS}_bucket[{window}])"
    return f"({_timed(window)} - sum by ({_BY}) ({buckets} * on ({_BY}, le) group_left () {FAST_BUCKET}))"


def _timed(window: str) -> str:
    return f"sum by ({_BY}) (increase({_SECONDS}_count[{window}]))"


_ERRORS, _SLOWNESS = Measure(_failed, _answered), Measure(_late, _timed)


def alerts(period: int) -> Sequence[Alert]:
    """For objectives that hold over a period of so many seconds."""
    said = "endpoint {{ $labels.endpoint }}"
    return (
        Alert(
            "ServingFailing",
            _burns(_ERRORS, ERROR_BUDGET, _FAST, period),
            f"{said} fails {{{{ $value | humanizePercentage }}}} of its requests",
            after=0,
            severity="critical",
            team=OF_NAMESPACE,
        ),
        Alert(
            "ServingErrorBudgetShrinks",
            _burns(_ERRORS, ERROR_BUDGET, _SLOW, period),
            f"{said} fails more requests than its objective allows ({{{{ $value | humanizePercentage }}}})",
            after=0,
            team=OF_NAMESPACE,
        ),
        Alert(
            "ServingSlow",
            _burns(_SLOWNESS, SLOW_BUDGET, _FAST, period),
            f"{said} is too slow for {{{{ $value | humanizePercentage }}}} of its requests",
            after=0,
            severity="critical",
            team=OF_NAMESPACE,
        ),
        Alert(
            "ServingLatencyBudgetShrinks",
            _burns(_SLOWNESS, SLOW_BUDGET, _SLOW, period),
            f"{said} is slow more often than its objective allows ({{{{ $value | humanizePercentage }}}})",
            after=0,
            team=OF_NAMESPACE,
        ),
        Alert(
            "ChampionOld",
            f"time() - max by ({_BY}, model, version) (inference_model_created_timestamp_seconds) "
            f"> on ({_BY}) group_left () {CHAMPION_AGE}",
            "version {{ $labels.version }} of {{ $labels.model }} is {{ $value | humanizeDuration }} old",
            after=0,
            team=OF_NAMESPACE,
        ),
    )


def _burns(measure: Measure, budget: str, burns: Sequence[Burn], period: int) -> str:
    """Faster than any of `burns`, over both of its windows; the value is that of the long one."""

    def over(part: int, factor: float) -> str:
        window = f"{period // part}s"
        return f"({measure.bad(window)} / {measure.all(window)}) > on ({_BY}) ({factor} * {budget})"

    def enough(part: int) -> str:
        return f"{measure.bad(f'{period // part}s')} >= {_FEWEST}"

    return " or ".join(
        f"({over(burn.long, burn.factor)} and on ({_BY}) ({over(burn.short, burn.factor)}) "
        f"and on ({_BY}) ({enough(burn.long)}))"
        for burn in burns
    )
