"""Gives endpoints as many pods as their requests and latency need, by the metrics of the gateway's proxies."""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controllers.alerts import Objects
from controllers.envoy import Endpoint, Requests, addresses, ask
from controllers.scaling import Bounds, Scaler
from controllers.servers import Unanswered

DEPLOYMENT = "/apis/apps/v1/namespaces/{}/deployments/{}"
SCALED = "ml-platform.io/scaled"
"""The annotation of Deployments whose number of pods is not declared any more when it is gone."""
MANAGER = "ml-platform-autoscaler"
Proxies = Callable[[], Mapping[str, Mapping[Endpoint, Requests]]]
"""What each proxy has counted, by its address."""


def started(environment: Mapping[str, str], cluster: Objects) -> "Autoscaler":
    """By the file ENDPOINTS_FILE, and the proxies at PROXIES, a host and a port."""
    try:
        host, port = environment["PROXIES"].split(":")
        declared = json.loads(Path(environment["ENDPOINTS_FILE"]).read_text())
    except KeyError as missing:
        sys.exit(f"controllers: set {missing.args[0]}")

    def proxies() -> Mapping[str, Mapping[Endpoint, Requests]]:
        found = {address: _asked(address, int(port)) for address in addresses(host)}
        return {address: endpoints for address, endpoints in found.items() if endpoints is not None}

    return Autoscaler(proxies, cluster, {(each["namespace"], each["name"]): Bounds.read(each) for each in declared})


class Autoscaler:
    def __init__(
        self,
        proxies: Proxies,
        cluster: Objects,
        endpoints: Mapping[Endpoint, Bounds],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proxies, self._cluster, self._clock = proxies, cluster, clock
        self._scalers = {endpoint: Scaler(bounds) for endpoint, bounds in endpoints.items()}
        self._counted: dict[str, Mapping[Endpoint, Requests]] = {}

    def round(self) -> bool:
        """Whether anything went well. While no proxy answers, nothing changes."""
        try:
            counted = self._proxies()
        except Unanswered as error:
            return _failed(error)
        if not counted:
            return False
        now, seen = self._clock(), defaultdict[Endpoint, Requests](Requests)
        for address, endpoints in counted.items():
            before = self._counted.get(address)
            for endpoint, requests in endpoints.items():
                # Of a proxy that is new here, it is not known when they came.
                seen[endpoint] += requests.since(before.get(endpoint, Requests()) if before is not None else requests)
        self._counted = dict(counted)
        went_well = [self._scale(each, now, seen[each]) for each in self._scalers]
        return any(went_well)

    def _scale(self, endpoint: Endpoint, now: float, requests: Requests) -> bool:
        scaler, path = self._scalers[endpoint], DEPLOYMENT.format(*endpoint)
        scaler.observe(now, requests)
        try:
            deployment: Mapping[str, Any] = self._cluster.read(path)
            if SCALED not in deployment["metadata"].get("annotations", {}):
                return True
            current, ready = deployment["spec"]["replicas"], deployment["status"].get("readyReplicas", 0)
            wanted = scaler.replicas(now, current, ready)
            if wanted != current:
                seen = {"resourceVersion": deployment["metadata"]["resourceVersion"]}
                patch = {"metadata": seen, "spec": {"replicas": wanted}}
                self._cluster.patch(f"{path}/scale?fieldManager={MANAGER}", patch)
                print(f"{'/'.join(endpoint)}: {current} -> {wanted} pods, {scaler}", flush=True)
        except Unanswered as error:
            return _failed(error)
        return True


def _asked(address: str, port: int) -> Mapping[Endpoint, Requests] | None:
    """None: it does not answer, such as one that ends."""
    try:
        return ask(address, port)
    except Unanswered as error:
        _failed(error)
        return None


def _failed(error: Unanswered) -> bool:
    print(f"controllers: {error}", file=sys.stderr, flush=True)
    return False
