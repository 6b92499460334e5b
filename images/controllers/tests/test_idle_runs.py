"""Run inside the image."""

import unittest
from typing import Any

from controllers.idle_runs import KUEUE, STOP, stop_idle_run
from fakes import Cluster

RUN = "digits-0123abcd"
WORKLOADS = f"{KUEUE}/namespaces/vision/workloads"


def alert(run: str = RUN, since: str = "2026-11-20T10:30:00.123Z") -> dict[str, Any]:
    return {"labels": {"namespace": "vision", "job_name": run}, "startsAt": since}


def workload(
    kind: str = "Job", run: str = RUN, admitted: str = "2026-11-20T10:00:00Z", status: str = "True", active: bool = True
) -> dict[str, Any]:
    meta = {"name": f"{kind.lower()}-{run}-x", "ownerReferences": [{"kind": kind, "name": run}]}
    condition = {"type": "Admitted", "status": status, "lastTransitionTime": admitted}
    return {"metadata": meta, "spec": {"active": active}, "status": {"conditions": [condition]}}


def of(*found: dict[str, Any]) -> Cluster:
    return Cluster({WORKLOADS: {"items": list(found)}})


class Stop(unittest.TestCase):
    def test_the_run_of_an_alert_is_stopped_and_no_other(self) -> None:
        for kind in ("Job", "JobSet"):
            cluster = of(workload(run="other"), workload(kind))
            self.assertEqual(list(stop_idle_run(alert(), cluster)), [f"stopped vision/{RUN}: idle GPUs"])
            self.assertEqual(cluster.patches, [(f"{WORKLOADS}/{kind.lower()}-{RUN}-x", STOP)])

    def test_what_does_not_run_or_was_started_again_since_is_left_alone(self) -> None:
        for left in (
            workload(active=False),
            workload(status="False"),
            workload(admitted="2026-11-20T10:30:01Z"),
            {**workload(), "status": {}},
        ):
            cluster = of(left)
            self.assertEqual(list(stop_idle_run(alert(), cluster)), [])
            self.assertEqual(cluster.patches, [])


if __name__ == "__main__":
    unittest.main()
