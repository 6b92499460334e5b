"""JobSets as the platform submits them for runs of several workers, of any team and size."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from infra.catalogue.names import QUEUE_LABEL, QUEUE_PRIORITY_LABEL
from tests.cluster.queues.history import History, watched
from tests.cluster.queues.history_rules import judge
from tests.cluster.queues.node import Node
from tests.cluster.queues.world import GPUS, JOB_SETS, World
from tests.waiting import eventually

_TYPE = "kubernetes:jobset.x-k8s.io/v1alpha2:JobSet"


def declared(world: World) -> Mapping[str, Any]:
    """The manifest that the platform submits for a run with two workers of one GPU, once it has run in its queue."""
    world.declare({"gang": world.run(workers=2, gpus=1)})
    name = world.stack.up().outputs["gang"]
    eventually(partial(Gangs(world, {}).running, world.red, name), 60, "the declared gang")
    (found,) = world.stack.resources(_TYPE)
    world.declare()
    world.stack.up()
    return dict(found["inputs"])


@dataclass
class Gangs:
    """Each worker has one GPU."""

    world: World
    template: Mapping[str, Any]

    def submit(self, team: str, workers: int, priority: str = "default") -> str:
        name = f"gang-{uuid4().hex[:6]}"
        spec = copy.deepcopy(self.template["spec"])
        spec["network"]["subdomain"] = name
        spec["replicatedJobs"][1]["replicas"] = workers - 1
        for each in spec["replicatedJobs"]:
            # The account is of the declared run.
            each["template"]["spec"]["template"]["spec"].pop("serviceAccountName")
        labels = {QUEUE_LABEL: team, QUEUE_PRIORITY_LABEL: f"{self.world.name}-{priority}"}
        body = {
            "apiVersion": "/".join(JOB_SETS),
            "kind": "JobSet",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
        }
        self.world.objects.create_namespaced_custom_object(*JOB_SETS, team, "jobsets", body)
        return name

    def read(self, team: str, gang: str) -> dict[str, Any]:
        return dict(self.world.objects.get_namespaced_custom_object(*JOB_SETS, team, "jobsets", gang))

    def running(self, team: str, gang: str) -> bool:
        """All of its workers."""
        found = self.read(team, gang)
        status = found.get("status", {}).get("replicatedJobsStatus", [])
        workers = sum(int(each["replicas"]) for each in found["spec"]["replicatedJobs"])
        return workers == sum(int(each.get("ready", 0)) for each in status)

    def has_ended(self, team: str, gang: str) -> bool:
        return bool(self.read(team, gang).get("status", {}).get("terminalState") == "Completed")

    def runs(self, team: str, gang: str) -> None:
        why = partial(self.world.reason, team, gang)
        eventually(partial(self.running, team, gang), 60, f"all workers of {team}/{gang}", why)

    def waits(self, team: str, gang: str) -> None:
        """Kueue has found no room for it, and it has no pod."""
        eventually(partial(self.world.reason, team, gang), 60, f"a reason why {team}/{gang} waits")
        eventually(partial(self.has_no_pods, team, gang), 60, f"removal of all pods of {team}/{gang}")
        assert self.read(team, gang)["spec"]["suspend"]

    def has_no_pods(self, team: str, gang: str) -> bool:
        selector = f"jobset.sigs.k8s.io/jobset-name={gang}"
        return not self.world.core.list_namespaced_pod(team, label_selector=selector).items

    def ends(self, node: Node, team: str, gang: str) -> None:
        """Its pods succeed."""
        node.ending.add(gang)
        eventually(partial(self.has_ended, team, gang), 60, f"the end of {team}/{gang}")

    @contextmanager
    def checked(self, node: Node) -> Iterator[History]:
        """All events until everything is removed: at no time is a gang admitted in part, or a team over its limit.

        Gangs may not be stopped while they start.
        """
        world = self.world
        limits = {world.red: 6, world.blue: GPUS, world.green: GPUS}
        with watched(world.api, world.teams) as found:
            yield found
            world.clear(node)
        assert found.problems == []
        assert found.remaining() == set()
        assert {event.kind for event in found.events} == {"Workload", "Pod"}
        verdict = judge(found.events, limits, GPUS)
        assert verdict.violations == []
        assert verdict.late == 0
        print(f"{len(found.events)} events")
