"""Rolls back the canary that an alert is about: its route sends it no more requests until another one is declared."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from controllers.alerts import Objects, Response

Object = Mapping[str, Any]

ROUTES = "/apis/gateway.networking.k8s.io/v1"
MANAGER = "ml-platform-canary-rollback"
"""As which it changes a route."""
WINDOW = "ml-platform.io/rollback-window"
"""The annotation of a route: seconds over which its canary is compared."""
REASONS = {"CanaryFailing": "it fails more requests", "CanarySlow": "it is slower"}
STABLE, CANARY = "/spec/rules/0/backendRefs/0", "/spec/rules/0/backendRefs/1"
UNDIVIDED = (1_000_000, 1)
"""Weights of two backends that are the same Service: while one is removed, proxies would answer requests for it with
500."""


def roll_back(alert: Object, cluster: Objects, now: datetime | None = None) -> Iterator[str]:
    """Give the requests of the canary to the endpoint."""
    labels = alert["labels"]
    path = f"{ROUTES}/namespaces/{labels['namespace']}/httproutes/{labels['endpoint']}"
    route = cluster.read(path)
    services = {each["name"] for each in route["spec"]["rules"][0]["backendRefs"]}
    if len(services) == 2 and _has_been_judged(route, now or datetime.now(UTC)):
        cluster.patch(f"{path}?fieldManager={MANAGER}", _patch(route))
        yield f"rolled back the canary of {labels['namespace']}/{labels['endpoint']}: {REASONS[labels['alertname']]}"


RESPONSE = Response(('alertname=~"CanaryFailing|CanarySlow"',), roll_back)


def _patch(route: Object) -> list[Object]:
    """Of this version of the route only: a newer one may have another canary."""
    stable = route["spec"]["rules"][0]["backendRefs"][0]["name"]
    most, least = UNDIVIDED
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": route["metadata"]["resourceVersion"]},
        {"op": "replace", "path": f"{STABLE}/weight", "value": most},
        {"op": "replace", "path": f"{CANARY}/name", "value": stable},
        {"op": "replace", "path": f"{CANARY}/weight", "value": least},
    ]


def _has_been_judged(route: Object, now: datetime) -> bool:
    """Whether its canary may be rolled back, and all that the alert looks at came after the route was declared as it
    is: an earlier canary may have been worse.
    """
    meta = route["metadata"]
    declared = [
        datetime.fromisoformat(each["time"])
        for each in meta["managedFields"]
        if each["manager"] != MANAGER and "subresource" not in each
    ]
    window = meta.get("annotations", {}).get(WINDOW)
    return window is not None and all(now - time >= timedelta(seconds=int(window)) for time in declared)
