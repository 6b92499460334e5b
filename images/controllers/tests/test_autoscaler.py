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
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="httproute/vision/digits/rule/0/backend/0",le="250"} 4
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="httproute/vision/digits/rule/0/backend/0"} 1464.49211319843516
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="httproute/vision/digits/rule/0/backend/0"} 5
envoy_cluster_external_upstream_rq_time_sum{envoy_cluster_name="httproute/vision/digits/rule/0/backend/0"} 1464.4921
envoy_cluster_external_upstream_rq_time_count{envoy_cluster_name="httproute/vision/digits/rule/0/backend/0"} 5
envoy_cluster_upstream_rq_total{envoy_cluster_name="xds_cluster"} 7
"""
ANSWERED = (
    'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="{}",'
    'envoy_cluster_name="httproute/vision/digits/rule/0/backend/{}"}} {}'
)


def deployment(replicas: int, ready: int) -> dict[str, object]:
    meta = {"resourceVersion": "7", "annotations": {SCALED: "true"}}
    return {"metadata": meta, "spec": {"replicas": replicas}, "status": {"readyReplicas": ready} if ready else {}}


class Metrics(unittest.TestCase):
    def test_requests_are_those_of_the_endpoint_itself(self) -> None:
        answered = [ANSWERED.format(*each) for each in (("2", 0, 4), ("4", 0, 1), ("2", 1, 9))]
        (found,) = parsed([*LINES.splitlines(), *answered]).items()
        self.assertEqual(found, (DIGITS, Requests(3, 42, 5, 1.46449211319843516, 4)))

    def test_a_proxy_that_has_started_again_has_counted_nothing_new(self) -> None:
        before = Requests(2, begun=40, ended=30, seconds=9, succeeded=28)
        now = Requests(1, begun=44, ended=33, seconds=12, succeeded=30)
        self.assertEqual(now.since(before), Requests(1, 4, 3, 3, 2))
        self.assertEqual(Requests(1, begun=50, ended=3, seconds=1).since(before), Requests(1))


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

    def test_slow_responses_of_all_proxies_add_a_pod(self) -> None:
        bounds = Bounds.read({"min": 1, "max": 4, "requestsInFlight": 8, "scaleDownAfter": 60, "latency": 0.25})
        self.cluster.found[PATH] = deployment(2, 2)
        self.autoscaler = Autoscaler(lambda: self.counted, self.cluster, {DIGITS: bounds}, lambda: self.now)
        for number in range(60):
            self.now += 1
            answers = {
                "one": Requests(1, number, number, 0.2 * number),
                "two": Requests(1, number, number, 0.5 * number),
            }
            self.counted = {proxy: {DIGITS: requests} for proxy, requests in answers.items()}
            self.autoscaler.round()
        self.assertEqual(self.cluster.patches[0][1]["spec"], {"replicas": 3})

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
