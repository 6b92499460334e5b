"""What stops growing first, if everything grows at the same time."""

from __future__ import annotations

from collections.abc import Sequence

from cli.capacity.demand import LARGEST, SMALLEST, Runs
from cli.capacity.fleet import Fleet


def first_limit(found: Fleet, runs: Sequence[Runs]) -> str:
    """All `runs` start beside the smallest endpoints, which then get one pod after the other; empty: all fit."""
    smallest = found.state(found.pods(SMALLEST), runs)
    for name, result in smallest.results.items():
        if result.possible < result.wanted and result.cause:
            return f"{name} at {result.certain} of {result.wanted}: {result.cause.message}"
    pods, nodes = found.pods(SMALLEST), smallest.nodes
    growing = [each for each in found.demand.endpoints if each.request.pool is not None]
    while growing := [each for each in growing if pods[each.name] < each.pods[LARGEST]]:
        for endpoint in growing:
            put = nodes[str(endpoint.request.pool)].put(endpoint.request, 1, together=False)
            if not put.certain:
                why = put.cause.message if put.cause else ""
                return f"{endpoint.name} at {pods[endpoint.name]} of {endpoint.pods[LARGEST]} pods: {why}"
            pods[endpoint.name] += 1
    return ""
