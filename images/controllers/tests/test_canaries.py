"""Run inside the image."""

import unittest
from datetime import UTC, datetime, timedelta
from typing import Any

from controllers.canaries import MANAGER, ROUTES, WINDOW, roll_back
from fakes import Cluster

PATH = f"{ROUTES}/namespaces/vision/httproutes/digits"
DECLARED = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SECONDS = 120


def alert(name: str = "CanaryFailing") -> dict[str, Any]:
    return {"labels": {"alertname": name, "namespace": "vision", "endpoint": "digits"}}


def route(*parts: tuple[str, int]) -> dict[str, Any]:
    own = {"manager": "pulumi", "time": DECLARED.isoformat()}
    later = (DECLARED + timedelta(hours=1)).isoformat()
    others = [{"manager": "gateway", "subresource": "status", "time": later}, {"manager": MANAGER, "time": later}]
    backends = [{"name": name, "weight": weight} for name, weight in parts]
    meta = {"resourceVersion": "7", "managedFields": [own, *others], "annotations": {WINDOW: str(SECONDS)}}
    return {"metadata": meta, "spec": {"rules": [{"backendRefs": backends}]}}


def divided() -> dict[str, Any]:
    return route(("digits", 90), ("digits-canary", 10))


def rolled_back(found: dict[str, Any], name: str = "CanaryFailing", after: int = SECONDS) -> Cluster:
    cluster = Cluster({PATH: found})
    list(roll_back(alert(name), cluster, DECLARED + timedelta(seconds=after)))
    return cluster


class RollBack(unittest.TestCase):
    def test_all_requests_go_to_the_endpoint(self) -> None:
        for name in ("CanaryFailing", "CanarySlow"):
            ((path, patch),) = rolled_back(divided(), name).patches
            self.assertEqual(path, f"{PATH}?fieldManager={MANAGER}")
            changes = {each["path"]: each["value"] for each in patch if each["op"] != "test"}
            self.assertEqual(list(changes.values()), [1_000_000, "digits", 1])
            self.assertEqual(patch[0], {"op": "test", "path": "/metadata/resourceVersion", "value": "7"})

    def test_a_canary_that_is_new_or_gone_or_was_rolled_back_is_left_alone(self) -> None:
        free = divided()
        del free["metadata"]["annotations"]
        for found, after in (
            (divided(), SECONDS - 1),
            (route(("digits", 1_000_000), ("digits", 1)), SECONDS),
            (free, SECONDS),
        ):
            self.assertEqual(rolled_back(found, after=after).patches, [])


if __name__ == "__main__":
    unittest.main()
