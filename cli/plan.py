"""The plan of a preview, from the engine's event log: each step with its inputs, and each problem.

It can be stored, compared and shown: secrets are masked, and unknown values are `<unknown>`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from common.errors import without_ansi
from common.pulumi import SECRET, SIGNATURE, UNKNOWN_TEXTS, urn_name

MASKED = "[secret]"
UNKNOWN = "<unknown>"
AUTOMATIC = "<automatic>"
_AUTONAMED = "pulumi.com/autonamed"
_GENERATED_SUFFIX = re.compile(r"-[0-9a-f]{7,8}$")
_COLOUR = re.compile(r"<\{%.*?%\}>")
"""The engine's own mark-up, in the events of an update on a terminal."""
_CONSEQUENCE = re.compile(r"\bcontext canceled$|^(update|preview|destroy|refresh) failed$")
"""What the engine reports after an error elsewhere, such as of a resource that the policy pack was looking at."""


def read(events: Path) -> dict[str, Any]:
    """The planned steps, their number by operation, and the problems."""
    logged = list(logged_events(events))
    steps = [_step(event["resourcePreEvent"]["metadata"]) for event in logged if "resourcePreEvent" in event]
    return {
        "changes": Counter(step["operation"] for step in steps),
        "steps": steps,
        "problems": problems(logged),
    }


def problems(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Errors and violated policies, each once; of these the causes only, if there are any."""
    found = {json.dumps(problem): problem for event in events if (problem := _problem(event))}
    causes = [problem for problem in found.values() if not _CONSEQUENCE.search(problem["message"])]
    return causes or list(found.values())


def why_failed(events: Iterable[Mapping[str, Any]]) -> str:
    """A line for each problem that stops an update; the engine has printed all of it."""
    return "\n".join(_line(problem) for problem in problems(events) if problem["mandatory"])


def _line(problem: Mapping[str, Any]) -> str:
    first = problem["message"].splitlines()[0].removeprefix("error: ")
    parts = (urn_name(problem["urn"]) if problem["urn"] else "", problem["policy"], first)
    return ": ".join(part for part in parts if part)


def logged_events(file: Path) -> Iterator[dict[str, Any]]:
    """The engine's events, one per line; none if the file does not exist."""
    for line in file.read_text().splitlines() if file.exists() else []:
        yield json.loads(line)


def _step(metadata: Mapping[str, Any]) -> dict[str, Any]:
    state = metadata.get("new") or metadata["old"]
    return {
        "operation": metadata["op"],
        "urn": metadata["urn"],
        "type": state["type"],
        "custom": bool(state.get("custom")),
        "provider": (metadata.get("provider") or "").rpartition("::")[0],
        "protect": bool(state.get("protect")),
        "inputs": _settled(state.get("inputs") or {}),
    }


def presentable(value: Any) -> Any:
    """The value with secrets masked, unknown values named, and the plugins' bookkeeping removed."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return MASKED
        return {key: presentable(inner) for key, inner in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [presentable(inner) for inner in value]
    return UNKNOWN if isinstance(value, str) and value in UNKNOWN_TEXTS else value


def _settled(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs without automatic names, which differ in every preview."""
    settled: dict[str, Any] = presentable(inputs)
    for key in inputs.get("__defaults") or []:
        if _GENERATED_SUFFIX.search(str(settled.get(key))):
            settled[key] = AUTOMATIC
    metadata = settled.get("metadata")
    if isinstance(metadata, dict) and _AUTONAMED in (metadata.get("annotations") or {}):
        metadata["name"] = AUTOMATIC
    return settled


def _problem(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """An error, or a violation of a mandatory or advisory policy."""
    if policy := event.get("policyEvent"):
        return {
            "urn": policy.get("resourceUrn", ""),
            "policy": policy["policyName"],
            "mandatory": policy["enforcementLevel"] == "mandatory",
            "message": _plain(policy["message"]),
        }
    said = event.get("diagnosticEvent", {})
    message = _plain(said.get("message", ""))
    if said.get("severity") != "error" or not message:
        return None
    return {"urn": said.get("urn", ""), "policy": "", "mandatory": True, "message": message}


def _plain(message: str) -> str:
    return _COLOUR.sub("", without_ansi(message)).strip()
