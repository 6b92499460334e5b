"""How many answers of canaries with `mirror` are the same as the endpoint's, by the records of Prometheus."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.prometheus import forwarded, query
from common.errors import CommandError
from infra.declaration.model import Platform
from infra.workloads.serving.canary import canary_name, is_compared

_SINCE = "1h"
_LABELS = "namespace, endpoint, version, output, result"
_COUNTED = f'sum by ({_LABELS}) (increase(inference_shadow_answers_total{{job="serving"}}[{_SINCE}]))'
_WHOLE = ""
"""The output of answers that have none, or none to compare."""


@dataclass(frozen=True)
class Answers:
    """Of one output, in the last hour."""

    compared: float
    same: float


Shadows = Mapping[str, Mapping[str, Mapping[str, Answers]]]
"""By canary, in the form of a Deployment's name, its model version, and output."""


def shadows(name: str, platform: Platform) -> Shadows:
    """Those of stack `name`; none without monitoring, or while Prometheus can't be reached."""
    mirrored = {
        (endpoint.team, canary_name(each)) for each, endpoint in platform.serving.items() if is_compared(endpoint)
    }
    if platform.monitoring is None or not mirrored:
        return {}
    try:
        with forwarded(name, platform) as address:
            return counted(address, mirrored)
    except CommandError:
        return {}


def counted(address: str, mirrored: Iterable[tuple[str, str]]) -> Shadows:
    """By the Prometheus at an address; `mirrored` are namespaces and names of canaries."""
    series = query(address, _COUNTED)
    return {
        endpoint: _versions([each for each in series if _key(each) == (team, endpoint)]) for team, endpoint in mirrored
    }


def _versions(series: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Answers]]:
    """Those that the canary has had in this hour, but for versions without an answer."""
    versions = sorted({each["metric"].get("version", "") for each in series})
    of = {version: [each for each in series if each["metric"].get("version", "") == version] for version in versions}
    return {version: _outputs(found) for version, found in of.items() if any(float(each["value"][1]) for each in found)}


def _outputs(series: Iterable[Mapping[str, Any]]) -> dict[str, Answers]:
    """An answer with another status differs in each output."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for each in series:
        found[each["metric"].get("output", _WHOLE), each["metric"]["result"]] += float(each["value"][1])
    failed = found[_WHOLE, "different"]
    outputs = sorted({output for output, _ in found} - {_WHOLE})
    return {
        output: Answers(found[output, "same"] + found[output, "different"] + failed, found[output, "same"])
        for output in outputs
    }


def _key(series: Mapping[str, Any]) -> tuple[str, str]:
    return series["metric"].get("namespace", ""), series["metric"].get("endpoint", "")
