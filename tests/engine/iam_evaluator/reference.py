"""AWS's service authorization reference, which comes with the evaluator: resources and condition keys of actions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.engine.iam_evaluator import installed
from tests.engine.iam_evaluator.prod import PLACE

_FILLED = {
    "Partition": PLACE.partition,
    "Region": PLACE.region,
    "Account": PLACE.account,
    "ClusterName": PLACE.name,
    "RepositoryName": f"{PLACE.name}/base",
}
"""Resources of the stack."""


def resources(action: str) -> Iterator[tuple[str, list[str]]]:
    """The ARN of each resource that an action is about, `*` if it is about none, and its condition keys."""
    service, _, name = action.partition(":")
    found = _read("actions", service)[name.lower()]
    kinds = _read("resourceTypes", service)
    for each in found["resourceTypes"]:
        kind = next(kind for kind in kinds.values() if kind["key"] == each["name"])
        linked = "aws-service-role/x.amazonaws.com/x" if name == "CreateServiceLinkedRole" else PLACE.role_name("node")
        yield (
            _filled(kind["arn"], linked),
            [*found["conditionKeys"], *each["conditionKeys"], *kind.get("conditionKeys", [])],
        )
    if not found["resourceTypes"]:
        yield "*", found["conditionKeys"]


def has(keys: list[str], key: str) -> bool:
    """Whether a condition key is one of these, some of which end with a variable: `aws:ResourceTag/${TagKey}`."""
    return any(key == each or ("${" in each and key.startswith(each.partition("${")[0])) for each in keys)


def _filled(arn: str, role: str) -> str:
    values = {**_FILLED, "RoleNameWithPath": role}
    return re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], "x"), arn)


@cache
def _read(kind: str, service: str) -> Any:
    folder = installed() / "node_modules" / "@cloud-copilot" / "iam-data" / "data"
    return json.loads((folder / kind / f"{service}.json").read_text())
