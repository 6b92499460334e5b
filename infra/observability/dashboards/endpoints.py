"""Endpoints as their callers see them: requests, failures, time, and which version answers.

A server has no series of what it has never counted, which would look like one that isn't there.
"""

from infra.observability.dashboards.panel import Dashboard, Panel

_ENDPOINT = "{{namespace}}/{{endpoint}}"
_BY = "namespace, endpoint"
_NONE = f"0 * sum by ({_BY}) (inference_model_info)"
_REQUESTS = f"(sum by ({_BY}) (rate(inference_requests_total[5m])) or {_NONE})"
_FAILURES = f'(sum by ({_BY}) (rate(inference_requests_total{{code=~"5.."}}[5m])) or {_NONE})'
_REFUSALS = f'(sum by ({_BY}) (rate(inference_requests_total{{code=~"4.."}}[5m])) or {_NONE})'


def _quantile(part: float) -> str:
    buckets = f"sum by ({_BY}, le) (rate(inference_request_duration_seconds_bucket[5m]))"
    return f"histogram_quantile({part}, {buckets})"


ENDPOINTS = Dashboard(
    "ml-platform-endpoints",
    "Endpoints",
    "Every served model, measured where it answers.",
    [
        Panel("Requests", "reqps", {_ENDPOINT: _REQUESTS}, "Inference requests answered, whatever the answer."),
        Panel(
            "Failures",
            "percentunit",
            {_ENDPOINT: f"{_FAILURES} / clamp_min({_REQUESTS}, 1e-9)"},
            "Requests answered with 5xx: the server's own fault.",
        ),
        Panel(
            "Refusals",
            "percentunit",
            {_ENDPOINT: f"{_REFUSALS} / clamp_min({_REQUESTS}, 1e-9)"},
            "Requests answered with 4xx: no valid key, or not what the model takes.",
        ),
        Panel(
            "Time to answer",
            "s",
            {f"{_ENDPOINT} median": _quantile(0.5), f"{_ENDPOINT} 95 %": _quantile(0.95)},
            "Half of the requests, and 95 of 100, are answered within this. Without requests there is none.",
        ),
        Panel(
            "Servers by version",
            "short",
            {f"{_ENDPOINT} version {{{{version}}}}": f"count by ({_BY}, version) (inference_model_info)"},
            "Pods that answer with a version of the model; two versions while a new one is rolled out.",
        ),
        Panel(
            "Age of the model",
            "s",
            {
                f"{_ENDPOINT} version {{{{version}}}}": (
                    f"time() - max by ({_BY}, version) (inference_model_created_timestamp_seconds)"
                )
            },
            "Since the served version was registered.",
            kind="bars",
        ),
    ],
)
