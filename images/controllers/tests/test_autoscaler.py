"""Run inside the image."""

import unittest
from collections.abc import Mapping

from controllers.autoscaler import DEPLOYMENT, MANAGER, SCALED, Autoscaler
from controllers.envoy import Endpoint, Requests, parsed
from controllers.scaling import Bounds
from controllers.servers import Unanswered
from fakes import Cluster

DIGITS = ("vision", "digits")
PATH = DEPLOYMENT.format(*DIGITS)
PATCH = {"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 1}}
LINES = """# TYPE envoy_cluster_upstream_rq_active gauge
envoy_cluster_upstream_rq_active{envoy_cluster_name="httproute/vision/digits/rule/0/backend/0"} 3
envoy_cluster_upstream_rq_active{envoy_cluster_name="httproute/vision/digits/rule/0/backend/1"} 5
envoy_cluster_upstream_rq_total{envoy_cluster_name="httproute/vision/digits/rule/0/backend/0"} 40
envoy_cluster_upstream_cx_connect_fail{envoy_cluster_name="httproute/vision/digits/rule/0/backend/0"} 2
envoy_cluster_upstream_rq_total{envoy_cluster_name="xds_cluster"} 7
"""


def deployment(replicas: int, ready: int) -> dict[str, object]:
    meta = {"resourceVersion": "7", "annotations": {SCALED: "true"}}
    return {"metadata": meta, "spec": {"replicas": replicas}, "status": {"readyReplicas": ready} if ready else {}}


class Metrics(unittest.TestCase):
    def test_requests_are_those_of_the_endpoint_itself(self) -> None:
        self.assertEqual(dict(parsed(LINES.splitlines())), {DIGITS: Requests(3, 42)})


class Rounds(unittest.TestCase):
    def setUp(self) -> None:
        self.now, self.counted = 0.0, dict[str, Mapping[Endpoint, Requests]]()
        self.cluster = Cluster({PATH: deployment(0, 0)})
        bounds = {DIGITS: Bounds(0, 4, 8, 60)}
        self.autoscaler = Autoscaler(lambda: self.counted, self.cluster, bounds, lambda: self.now)

    def round(self, **begun: float) -> bool:
        self.now += 1
        self.counted = {proxy: {DIGITS: Requests(0, number)} for proxy, number in begun.items()}
        return self.autoscaler.round()

    def test_a_request_that_no_pod_answers_wakes_the_endpoint(self) -> None:
        for _ in range(61):
            self.assertTrue(self.round(one=7, two=0))
        self.assertEqual(self.cluster.patches, [])
        self.round(one=7, two=1)
        self.assertEqual(self.cluster.patches, [(f"{PATH}/scale?fieldManager={MANAGER}", PATCH)])

    def test_a_deployment_whose_number_is_declared_again_is_left_alone(self) -> None:
        self.cluster.found[PATH] = {**deployment(5, 5), "metadata": {"resourceVersion": "8"}}
        self.assertTrue(self.round(one=7))
        self.assertEqual(self.cluster.patches, [])

    def test_a_proxy_that_is_new_or_gone_is_no_request(self) -> None:
        for _ in range(61):
            self.round(one=7)
        self.round(two=5)
        self.round(two=5, three=1)
        self.round(two=0, three=1)
        self.assertEqual(self.cluster.patches, [])

    def test_without_an_answer_of_a_proxy_or_of_the_cluster_nothing_changes(self) -> None:
        self.assertFalse(self.round())
        self.cluster.found.clear()
        self.assertFalse(self.round(one=7))

        def silent() -> Mapping[str, Mapping[Endpoint, Requests]]:
            raise Unanswered("no proxy")

        self.assertFalse(Autoscaler(silent, self.cluster, {}).round())


if __name__ == "__main__":
    unittest.main()
