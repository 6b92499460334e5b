"""What differs between two plans of a stack: one made from the base branch, one from the head.

A plan without credentials starts from nothing, so each of them is nothing but creations; the difference is what
counts. Values that are known only after an update look the same in both and are not compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cli.components import component, is_component
from cli.pull_request.differences import Difference, differences
from cli.pull_request.inputs import mapping
from cli.pull_request.replacement import Plugins
from common.pulumi import urn_name
from infra.catalogue.data_stores import DataStore, data_store

Kind = Literal["created", "changed", "replaced", "deleted"]
Plan = Mapping[str, Any]
Step = Mapping[str, Any]
_JOB, _SUBMITTED = "kubernetes:batch/v1:Job", "pulumi.com/skipAwait"
_JOB_SET = "kubernetes:jobset.x-k8s.io/v1alpha2:JobSet"
_CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
_NEVER_CHANGED = ("template", "podFailurePolicy")
EMPTY: Plan = {"steps": [], "problems": []}


@dataclass(frozen=True)
class Change:
    """What happens to one resource."""

    kind: Kind
    type: str
    name: str
    component: str
    data: str
    """What stores data: `bucket`, `volume`; empty for anything else."""
    protected: bool
    """Whether the base protects it: an update refuses to delete or replace it."""
    differences: Sequence[Difference] = ()

    @property
    def released(self) -> bool:
        """Whether it is no longer protected."""
        return any(difference.path == "protect" and difference.before for difference in self.differences)

    @property
    def endangers_data(self) -> bool:
        """Whether data is lost, or may be from now on."""
        return bool(self.data) and (self.kind in ("replaced", "deleted") or self.released)


def compare(base: Plan, head: Plan) -> list[Change]:
    """Every change, deletions last."""
    before, after = _resources(base), _resources(head)
    plugins = Plugins(after)
    created = [_change("created", step) for urn, step in after.items() if urn not in before]
    kept = [_difference(before[urn], step, plugins) for urn, step in after.items() if urn in before]
    deleted = [_change("deleted", step, protected=step["protect"]) for urn, step in before.items() if urn not in after]
    return [*created, *filter(None, kept), *deleted]


def _resources(plan: Plan) -> dict[str, Step]:
    """Sorted, since the order of a plan varies; without components, which only group resources."""
    steps = sorted(plan["steps"], key=lambda step: str(step["urn"]))
    return {step["urn"]: _without_ignored(step) for step in steps if not is_component(step)}


def _without_ignored(step: Step) -> Step:
    """A submitted run is left alone (`ignore_changes` in infra/workloads/training), which a plan does not tell."""
    inputs = step["inputs"]
    if step["type"] == _JOB_SET or (step["type"] == _CLAIM and _store(step) is None):
        return {**step, "inputs": {**inputs, "spec": {}}}
    if step["type"] != _JOB or not _is_submitted(inputs):
        return step
    return {**step, "inputs": {**inputs, "spec": _without(_NEVER_CHANGED, inputs.get("spec"))}}


def _is_submitted(inputs: Mapping[str, Any]) -> bool:
    return _SUBMITTED in mapping(inputs, "metadata", "annotations")


def _without(names: Sequence[str], value: object) -> object:
    return {key: each for key, each in value.items() if key not in names} if isinstance(value, dict) else value


def _difference(before: Step, after: Step, plugins: Plugins) -> Change | None:
    found = list(differences(_compared(before), _compared(after)))
    if not found:
        return None
    kind: Kind = "replaced" if plugins.replace(before, after) else "changed"
    data = _data(before) or _data(after)
    return _change(kind, after, protected=before["protect"], data=data, found=found)


def _change(
    kind: Kind, step: Step, *, protected: bool = False, data: str = "", found: Sequence[Difference] = ()
) -> Change:
    name = urn_name(step["urn"])
    return Change(kind, step["type"], name, component(step), data or _data(step), protected, found)


def _data(step: Step) -> str:
    store = _store(step)
    return store.called if store is not None else "data store" if step["protect"] else ""


def _store(step: Step) -> DataStore | None:
    labels = mapping(step["inputs"], "metadata", "labels")
    return data_store(step["type"], {"metadata": {"labels": labels}})


def _compared(step: Step) -> dict[str, Any]:
    return {**step["inputs"], **({"protect": True} if step["protect"] else {})}
