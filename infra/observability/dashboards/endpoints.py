"""Endpoints: request rate, errors, latency, and the served model versions.

A server exports no series for a counter that was never incremented; `_NONE` adds zeros, so that it differs from a
missing server.
"""

from infra.observability.dashboards.panel import Dashboard, Panel

_ENDPOINT = "{{namespace}}/{{endpoint}}"
_BY = "namespace, endpoint"
_NONE = f"0 * sum by ({_BY}) (inference_model_info)"
_REQUESTS = f"(sum by ({_BY}) (rate(inference_requests_total[5m])) or {_NONE})"
_FAILURES = f'(sum by ({_BY}) (rate(inference_requests_total{{code=~"5.."}}[5m])) or {_NONE})'
_REFUSALS = f'(sum by ({_BY}) (rate(inference_requests_total{{code=~"4.."}}[5m])) or {_NONE})'
_BY_CALLER = f"sum by ({_BY}, caller) (rate(inference_caller_requests_total[5m]))"


def _quantile(part: float) -> str:
    buckets = f"sum by ({_BY}, le) (rate(inference_request_duration_seconds_bucket[5m]))"
    return f"histogram_quantile({part}, {buckets})"


ENDPOINTS = Dashboard(
    "ml-platform-endpoints",
    "Endpoints",
    "All endpoints, measured in their servers.",
    [
        Panel(
            "Requests", "reqps", {_ENDPOINT: _REQUESTS}, "Inference requests per second, whatever their status code."
        ),
        Panel(
            "Requests by caller",
            "reqps",
            {f"{_ENDPOINT} {{{{caller}}}}": f"{_BY_CALLER} or ({_REQUESTS} unless on ({_BY}) {_BY_CALLER})"},
            "Inference requests per second of each of the endpoint's `callers`; of an endpoint without them, all.",
        ),
        Panel(
            "Errors (5xx)",
            "percentunit",
            {_ENDPOINT: f"{_FAILURES} / clamp_min({_REQUESTS}, 1e-9)"},
            "The part of requests that the server fails.",
        ),
        Panel(
            "Errors (4xx)",
            "percentunit",
            {_ENDPOINT: f"{_REFUSALS} / clamp_min({_REQUESTS}, 1e-9)"},
            "The part of requests that are rejected: no valid API key, or input that does not fit the model.",
        ),
        Panel(
            "Latency",
            "s",
            {f"{_ENDPOINT} median": _quantile(0.5), f"{_ENDPOINT} 95 %": _quantile(0.95)},
            "Median and 95th percentile of the request duration; no value without requests.",
        ),
        Panel(
            "Pods by model version",
            "short",
            {f"{_ENDPOINT} version {{{{version}}}}": f"count by ({_BY}, version) (inference_model_info)"},
            "Pods that serve each version; two versions during a rollout.",
        ),
        Panel(
            "Model age",
            "s",
            {
                f"{_ENDPOINT} version {{{{version}}}}": (
                    f"time() - max by ({_BY}, version) (inference_model_created_timestamp_seconds)"
                )
            },
            "Time since the served version was registered.",
            kind="bars",
        ),
    ],
)
