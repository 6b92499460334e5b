"""The node pools whose quota a queued job may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cli.objects import Object
from cli.waiting.amounts import Amounts
from cli.waiting.quota import Room, needs
from cli.waiting.selection import selects, untolerated


@dataclass(frozen=True)
class Choice:
    """For each resource, the flavor that lacks least of it."""

    rooms: Sequence[Room]
    needs: Amounts
    missing: Sequence[str]
    """Resources that no flavor has on the nodes that the job asks for."""

    @property
    def short(self) -> list[Room]:
        """Resources of which there is too little now, what lacks most first."""
        found = [each for each in self.rooms if self.needs[each.resource] > each.free]
        return sorted(found, key=lambda each: each.free / self.needs[each.resource])

    @property
    def too_large(self) -> list[Room]:
        """Resources of which the team may never use so much."""
        return [each for each in self.rooms if self.needs[each.resource] > each.most]


def choose(workload: Object, every_room: Sequence[Room], flavors: Sequence[Object]) -> Choice:
    """Of what the queue counts; it is silent about other resources."""
    covered = {each.resource for each in every_room}
    wanted = {name: amount for name, amount in needs(workload).items() if name in covered and amount}
    allowed = {each["metadata"]["name"] for each in flavors if _serves(each, workload)}
    chosen = []
    for resource, amount in sorted(wanted.items()):
        fitting = [each for each in every_room if each.resource == resource and each.flavor in allowed]
        if fitting:
            chosen.append(max(fitting, key=lambda each: (amount <= each.most, each.free)))
    named = {each.resource for each in chosen}
    return Choice(chosen, wanted, [name for name in sorted(wanted) if name not in named])


def _serves(flavor: Object, workload: Object) -> bool:
    """Whether the pods may run on nodes of a flavor: Kueue compares the labels that the flavor names.

    https://kueue.sigs.k8s.io/docs/concepts/resource_flavor/
    """
    labels, taints = flavor["spec"].get("nodeLabels") or {}, flavor["spec"].get("nodeTaints") or []
    for each in workload["spec"]["podSets"]:
        spec = each["template"]["spec"]
        selector = {key: value for key, value in (spec.get("nodeSelector") or {}).items() if key in labels}
        if not selects({"nodeSelector": selector}, labels) or untolerated(spec, taints):
            return False
    return True
