"""Run inside the image."""

import unittest

from controllers.envoy import Requests
from controllers.latency import FEWEST, LEAST, REMEMBERED, SETTLE, WINDOW, Latency
from controllers.scaling import Bounds
from queues import START, Endpoint

TARGET, MOST, DOWN = 0.3, 20, 300
SERVICE = 0.1
"""With it a pod answers 10 requests a second."""


def endpoint(current: int = 1, minimum: int = 1) -> Endpoint:
    return Endpoint(Bounds(minimum, MOST, in_flight=16, down_after=DOWN, latency=TARGET), current, SERVICE)


class Loads(unittest.TestCase):
    def test_it_has_as_many_pods_as_the_target_needs(self) -> None:
        found = endpoint().run(1800, per_second=30)
        self.assertEqual(found.current, 4)
        self.assertLess(found.latency(600), TARGET)

    def test_pods_follow_a_load_that_doubles_and_halves(self) -> None:
        found = endpoint().run(1800, per_second=30)
        for load, pods in ((60, (7, 8)), (30, (4,)), (60, (7, 8)), (30, (4,))):
            began = found.now
            found.run(1800, load)
            self.assertIn(found.current, pods)
            self.assertLess(found.latency(900), TARGET)
            self.assertLessEqual(found.raises(began + 60), 1, "once to find how few are enough")

    def test_a_steady_load_changes_little(self) -> None:
        found = endpoint().run(1800, per_second=45)
        refused = found.refused
        found.run(2 * REMEMBERED, per_second=45)
        self.assertLessEqual(found.raises(1800), 2 * 2, found.changes)
        self.assertEqual(found.refused, refused)
        self.assertLess(found.latency(2 * REMEMBERED), TARGET)

    def test_more_pods_help_at_once_when_the_load_doubles(self) -> None:
        found = endpoint(current=4).run(600, per_second=30).run(60, per_second=60)
        self.assertGreaterEqual(found.current, 7)
        self.assertLess(found.latency(10), TARGET)

    def test_what_all_pods_wait_for_adds_no_more_than_the_declared_most(self) -> None:
        found = endpoint(current=2).run(600, per_second=5)
        found.delay = 1
        found.run(600, per_second=5)
        self.assertEqual(found.current, MOST)
        found.changes.clear()
        found.run(3600, per_second=5)
        self.assertEqual(found.changes, [])
        found.delay = 0
        found.run(REMEMBERED + MOST * (DOWN + SETTLE + LEAST + START), per_second=5)
        self.assertEqual(found.current, 1)

    def test_it_comes_down_without_requests_or_with_few(self) -> None:
        self.assertEqual(endpoint(current=MOST).run(2 * DOWN, per_second=0).current, 1)
        self.assertEqual(endpoint(current=MOST).run(2 * DOWN, per_second=1 / 60).current, 1)
        self.assertEqual(endpoint(current=5).run(5 * 2 * DOWN, per_second=1).current, 1)

    def test_requests_that_waited_for_the_first_pod_need_no_other(self) -> None:
        found = endpoint(current=0, minimum=0).run(DOWN + 1, per_second=0).run(120, per_second=2)
        self.assertEqual([pods for _, _, pods in found.changes], [1])
        found.run(DOWN + 5, per_second=0)
        self.assertEqual([pods for _, _, pods in found.changes], [1, 0])


class Measurements(unittest.TestCase):
    def setUp(self) -> None:
        self.now, self.latency = 0, Latency(target=1)

    def pods(self, seconds: int, current: int, ready: int, ended: float = 1, took: float = 1) -> int:
        for _ in range(seconds):
            self.now += 1
            self.latency.observe(self.now, Requests(begun=ended, ended=ended, seconds=ended * took))
            found = self.latency.pods(self.now, current, ready)
        return found

    def test_more_are_needed_in_proportion_beyond_the_tolerance(self) -> None:
        self.assertEqual(self.pods(60, 4, 4, took=1.09), 4)
        self.assertEqual(self.pods(60, 4, 4, took=1.5), 6)
        self.assertEqual(self.pods(60, 4, 4, took=0.91), 4)

    def test_it_waits_until_pods_are_ready_and_have_been_measured(self) -> None:
        self.pods(60, 4, 4, took=3)
        self.assertEqual(self.pods(60, 12, 4, took=3), 12)
        self.assertEqual(self.pods(SETTLE + LEAST - 1, 12, 12, took=3), 12)
        self.assertEqual(self.pods(2, 12, 12, took=3), 36)

    def test_too_few_requests_are_no_measurement(self) -> None:
        self.pods(SETTLE, 4, 4, ended=0)
        self.pods(FEWEST - 1, 4, 4, took=100)
        self.assertEqual(self.pods(LEAST, 4, 4, ended=0), 4)
        self.assertEqual(self.pods(WINDOW, 4, 4, ended=0), 0)

    def test_fewer_pods_get_no_more_requests_than_were_too_many(self) -> None:
        self.pods(60, 4, 4, ended=40, took=2)
        self.assertEqual(self.pods(60, 8, 8, ended=40, took=0.5), 5)
        self.assertEqual(self.pods(60, 8, 8, ended=16, took=0.5), 2)
        self.assertEqual(self.pods(60, 8, 8, ended=96, took=0.5), 7, "they answer more than that in time")

    def test_an_overload_is_forgotten_after_a_while(self) -> None:
        self.pods(60, 4, 4, ended=40, took=2)
        self.assertEqual(self.pods(60, 5, 5, ended=40, took=0.5), 5)
        self.now += REMEMBERED
        self.assertEqual(self.pods(60, 5, 5, ended=40, took=0.5), 4)


if __name__ == "__main__":
    unittest.main()
