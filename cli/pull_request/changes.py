"""What differs between two plans of a stack: one made from the base branch, one from the head.

A plan without credentials starts from nothing, so each of them is nothing but creations; the difference is what
counts. Values that are known only after an update look the same in both and are not compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cli.pull_request.replacement import Plugins
from common.pulumi import urn_name
from infra.catalogue.data_stores import data_store

Kind = Literal["created", "changed", "replaced", "deleted"]
Plan = Mapping[str, Any]
Step = Mapping[str, Any]
_JOB, _SUBMITTED = "kubernetes:batch/v1:Job", "pulumi.com/skipAwait"
_JOB_SET = "kubernetes:jobset.x-k8s.io/v1alpha2:JobSet"
_CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
EMPTY: Plan = {"steps": [], "problems": []}


@dataclass(frozen=True)
class Difference:
    """One input, before and after; `None` where it is absent."""

    path: str
    before: object
    after: object


@dataclass(frozen=True)
class Change:
    """What happens to one resource."""

    kind: Kind
    type: str
    name: str
    carries_data: bool
    differences: Sequence[Difference] = ()

    @property
    def endangers_data(self) -> bool:
        """Whether data is lost, or may be from now on."""
        released = any(difference.path == "protect" and difference.before for difference in self.differences)
        return self.carries_data and (self.kind in ("replaced", "deleted") or released)


def compare(base: Plan, head: Plan) -> list[Change]:
    """Every change, deletions last."""
    before, after = _resources(base), _resources(head)
    plugins = Plugins(after)
    created = [_change("created", step) for urn, step in after.items() if urn not in before]
    kept = [_difference(before[urn], step, plugins) for urn, step in after.items() if urn in before]
    deleted = [_change("deleted", step) for urn, step in before.items() if urn not in after]
    return [*created, *filter(None, kept), *deleted]


def _resources(plan: Plan) -> dict[str, Step]:
    """Sorted, since the order of a plan varies; without components, which only group resources."""
    steps = sorted(plan["steps"], key=lambda step: str(step["urn"]))
    return {step["urn"]: _without_ignored(step) for step in steps if step["custom"]}


def _without_ignored(step: Step) -> Step:
    """A submitted run is left alone (`ignore_changes` in infra/workloads/training), which a plan does not tell."""
    inputs = step["inputs"]
    if step["type"] == _CLAIM and data_store(_CLAIM, inputs) is None:
        return {**step, "inputs": {**inputs, "spec": {}}}
    if step["type"] == _JOB_SET:
        return {**step, "inputs": {**inputs, "spec": {}}}
    if step["type"] != _JOB or _SUBMITTED not in (inputs["metadata"].get("annotations") or {}):
        return step
    spec = {key: value for key, value in inputs["spec"].items() if key not in ("template", "podFailurePolicy")}
    return {**step, "inputs": {**inputs, "spec": spec}}


def _difference(before: Step, after: Step, plugins: Plugins) -> Change | None:
    differences = list(_differences(_compared(before), _compared(after)))
    if not differences:
        return None
    kind: Kind = "replaced" if plugins.replace(before, after) else "changed"
    carries_data = _carries_data(before) or _carries_data(after)
    return Change(kind, after["type"], urn_name(after["urn"]), carries_data, differences)


def _change(kind: Kind, step: Step) -> Change:
    return Change(kind, step["type"], urn_name(step["urn"]), _carries_data(step))


def _carries_data(step: Step) -> bool:
    return bool(step["protect"]) or data_store(step["type"], step["inputs"]) is not None


def _compared(step: Step) -> dict[str, Any]:
    return {**step["inputs"], **({"protect": True} if step["protect"] else {})}


def _differences(before: object, after: object) -> Iterator[Difference]:
    old, new = dict(_leaves(before)), dict(_leaves(after))
    for path in [*old, *(path for path in new if path not in old)]:
        if old.get(path) != new.get(path):
            yield Difference(path, old.get(path), new.get(path))


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, value
