"""Alerts on the way in from outside the cluster, and on canaries, which the gateway compares with their endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.catalogue.alerts.alert import HOUR, MINUTE, OF_NAMESPACE, Alert, Recording
from infra.catalogue.metrics import CANARY_ERRORS, CANARY_LATENCY, MAX_CANARY_ERRORS, MAX_CANARY_LATENCY
from infra.catalogue.names import CANARY, STABLE

MIN_REQUESTS, MIN_FAILED = 20, 5
"""Requests of each release, and failed ones of the canary, within the window: with fewer, chance decides."""
_BY = "namespace, endpoint"
_FAILED = ',envoy_response_code_class="5"'
_CERTIFICATE_DAYS = 21


@dataclass(frozen=True)
class CanaryLimit:
    """What a canary declares; both limits are ratios, `window` is in seconds."""

    namespace: str
    endpoint: str
    errors: float
    latency: float
    window: int

    def recordings(self) -> Sequence[Recording]:
        labels = (("namespace", self.namespace), ("endpoint", self.endpoint))
        enough = " ".join(
            f"and on ({_BY}) {self._increase('completed', each)} >= {MIN_REQUESTS}" for each in (CANARY, STABLE)
        )
        failed = f"and on ({_BY}) {self._increase('xx', CANARY, _FAILED)} >= {MIN_FAILED}"
        slower = f"{self._latency(CANARY)} / {self._latency(STABLE)} - 1"
        return (
            Recording(CANARY_ERRORS, f"{self._errors(CANARY)} - {self._errors(STABLE)} {enough} {failed}", labels),
            Recording(MAX_CANARY_ERRORS, f"vector({self.errors:.10g})", labels),
            Recording(CANARY_LATENCY, f"{slower} {enough}", labels),
            Recording(MAX_CANARY_LATENCY, f"vector({self.latency:.10g})", labels),
        )

    def _increase(self, counter: str, release: str, more: str = "") -> str:
        own = f'namespace="{self.namespace}",endpoint="{self.endpoint}",release="{release}"{more}'
        return f"sum by ({_BY}) (increase(envoy_cluster_upstream_rq_{counter}{{{own}}}[{self.window}s]))"

    def _errors(self, release: str) -> str:
        """The part of its requests that fails: a class of answers without any has no series."""
        failed = self._increase("xx", release, _FAILED)
        all_ = self._increase("completed", release)
        return f"({failed} or 0 * {all_}) / {all_}"

    def _latency(self, release: str) -> str:
        """The average. Buckets are too coarse to compare quantiles."""
        return f"({self._increase('time_sum', release)} / {self._increase('time_count', release)})"


def _rising(counter: str, release: str, more: str = "") -> str:
    return f'sum by ({_BY}) (increase(envoy_cluster_upstream_{counter}{{release="{release}"{more}}}[5m])) > 0'


_ANSWERED = ',envoy_response_code_class!="5"'
_CANARY = "the canary of endpoint {{ $labels.endpoint }}"
_ROLLED_BACK = "and gets no more requests"
CANARY_ALERTS = (
    Alert(
        "CanaryFailing",
        f"{CANARY_ERRORS} > on ({_BY}) {MAX_CANARY_ERRORS}",
        f"{_CANARY} fails {{{{ $value | humanizePercentage }}}} more of its requests {_ROLLED_BACK}",
        for_=0,
        severity="critical",
        team=OF_NAMESPACE,
        configured_by="serving.<name>.canary.rollback",
    ),
    Alert(
        "CanarySlow",
        f"{CANARY_LATENCY} > on ({_BY}) {MAX_CANARY_LATENCY}",
        f"{_CANARY} takes {{{{ $value | humanizePercentage }}}} longer {_ROLLED_BACK}",
        for_=0,
        team=OF_NAMESPACE,
        configured_by="serving.<name>.canary.rollback",
    ),
)
ALERTS = (
    *CANARY_ALERTS,
    Alert(
        "GatewayCertificateExpires",
        f"min(envoy_server_days_until_first_cert_expiring) < {_CERTIFICATE_DAYS}",
        "a certificate of the gateway expires in {{ $value }} days",
        for_=HOUR,
        severity="critical",
    ),
    Alert(
        "GatewayFailing",
        f"{_rising('cx_connect_fail', STABLE)} unless on ({_BY}) {_rising('rq_xx', STABLE, _ANSWERED)}",
        "the gateway reaches no server of endpoint {{ $labels.endpoint }}",
        for_=5 * MINUTE,
        severity="critical",
        team=OF_NAMESPACE,
    ),
)
