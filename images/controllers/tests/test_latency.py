"""Run inside the image."""

import unittest

from controllers.envoy import Requests
from controllers.latency import FEWEST, LEAST, LONGEST_START, REMEMBERED, SETTLE, WINDOW, Latency
from controllers.scaling import Bounds
from queues import START, Endpoint

TARGET, MOST, DOWN = 0.3, 20, 300
SERVICE = 0.1
"""With it a pod answers 10 requests a second."""


def endpoint(current: int = 1, minimum: int = 1, in_flight: float = 16) -> Endpoint:
    return Endpoint(Bounds(minimum, MOST, in_flight, DOWN, TARGET), current, SERVICE)


def slow_endpoint(target: float, took: float, start: int = START, down: int = DOWN) -> Endpoint:
    """Its requests take as long with any number of pods, and `requestsInFlight` adds none."""
    bounds = Bounds(minimum=0, maximum=MOST, in_flight=100, down_after=down, latency=target)
    return Endpoint(bounds, current=0, service=0.01, delay=took, start=start)


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
        self.assertLess(found.refused - refused, 45 * 2 * REMEMBERED / 10_000, "to find how few are enough")
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

    def test_long_requests_that_waited_for_the_first_pod_need_no_other(self) -> None:
        found = slow_endpoint(target=40, took=20, start=120)
        found.run(DOWN + 1, per_second=0).run(1, per_second=8).run(DOWN, per_second=0)
        self.assertEqual([pods for _, _, pods in found.changes], [1])

    def test_requests_that_become_heavier_take_no_pods_away(self) -> None:
        found = endpoint().run(1800, per_second=60)
        found.service = 0.25
        self.assertLess(max(found.run(60, per_second=12).latency(60) for _ in range(60)), TARGET)

    def test_refused_requests_are_nothing_that_a_pod_can_answer(self) -> None:
        for burst, seconds in ((400, 25), (1000, 40)):
            found = endpoint().run(3600, per_second=45).run(seconds, burst)
            refused = found.refused
            found.run(3600, per_second=45)
            self.assertEqual(found.raises(3600 + seconds + LEAST), 0, found.changes)
            self.assertLess(found.refused - refused, 45)
            self.assertIn(found.current, (5, 6, 7))

    def test_a_burst_that_the_most_pods_can_t_answer_leaves_no_more_than_are_needed(self) -> None:
        found = endpoint(current=5).run(600, per_second=45).run(180, per_second=1500)
        self.assertEqual(found.current, MOST)
        self.assertIn(found.run(3 * DOWN, per_second=45).current, (5, 6, 7))

    def test_an_outage_takes_no_pods_away(self) -> None:
        found = endpoint(current=4).run(600, per_second=30)
        before, found.delay, found.timeout = found.current, 20, 10
        self.assertEqual(found.run(3 * DOWN, per_second=1).current, before)

    def test_a_pod_that_is_never_ready_does_not_keep_others_from_being_added(self) -> None:
        found = endpoint(current=4, in_flight=1000)
        found.unready = 1
        self.assertEqual(found.run(LONGEST_START, per_second=40).current, 4)
        self.assertGreater(found.run(60, per_second=40).current, 4)

    def test_a_pod_that_is_ready_now_and_then_does_not_keep_others_from_being_added(self) -> None:
        found = endpoint(current=4, in_flight=1000)
        for _ in range(6):
            found.run(16, per_second=45)
            found.unready = 1
            found.run(4, per_second=45)
            found.unready = 0
        self.assertGreater(found.current, 4)

    def test_without_requests_it_sleeps_however_slow_the_last_ones_were(self) -> None:
        found = slow_endpoint(target=TARGET, took=1, down=10).run(180, per_second=2)
        self.assertEqual(found.current, MOST)
        self.assertEqual(found.run(15, per_second=0).current, 0)


class Measurements(unittest.TestCase):
    def setUp(self) -> None:
        self.now, self.latency = 0, Latency(target=1)

    def pods(
        self, seconds: int, current: int, ready: int, ended: float = 1, took: float = 1, refused: float = 0
    ) -> int:
        for _ in range(seconds):
            self.now += 1
            requests = Requests(0, ended + refused, ended + refused, seconds=ended * took, succeeded=ended)
            self.latency.observe(self.now, requests)
            found = self.latency.pods(self.now, current, ready)
            if found > current:
                self.latency.overloaded(self.now, current)
        return found

    def test_more_are_needed_in_proportion_beyond_the_tolerance(self) -> None:
        self.assertEqual(self.pods(60, 4, 4, took=1.09), 4)
        self.assertEqual(self.pods(60, 4, 4, took=1.5), 6)
        self.assertEqual(self.pods(60, 4, 4, took=0.91), 4)

    def test_it_waits_until_pods_are_ready_and_have_been_measured(self) -> None:
        self.pods(60, 4, 4, took=3)
        self.assertEqual(self.pods(60, 12, 4, took=3), 12)
        self.assertEqual(self.pods(SETTLE + 1 + LEAST - 1, 12, 12, took=3), 12)
        self.assertEqual(self.pods(2, 12, 12, took=3), 36)

    def test_a_pod_that_is_not_ready_any_more_changes_no_measurement(self) -> None:
        self.pods(60, 4, 4)
        self.assertEqual(self.pods(10, 4, 3, took=3), 4)
        self.assertEqual(self.pods(1, 4, 4, took=3), 7)

    def test_pods_that_are_not_ready_for_long_are_left_out(self) -> None:
        self.assertEqual(self.pods(LONGEST_START, 4, 3, took=2), 4)
        self.assertEqual(self.pods(60, 4, 3, took=2), 7)

    def test_too_few_requests_are_no_measurement(self) -> None:
        self.pods(SETTLE + 1, 4, 4, ended=0)
        self.pods(FEWEST - 1, 4, 4, took=100)
        self.assertEqual(self.pods(LEAST, 4, 4, ended=0), 4)
        self.assertEqual(self.pods(WINDOW, 4, 4, ended=0), 0)

    def test_fewer_pods_get_no_more_requests_than_were_too_many(self) -> None:
        self.pods(60, 4, 4, ended=40, took=2)
        self.assertEqual(self.pods(60, 8, 8, ended=40, took=0.5), 5)
        self.assertEqual(self.pods(60, 8, 8, ended=16, took=0.5), 4, "as few as a HorizontalPodAutoscaler leaves")
        self.assertEqual(self.pods(60, 8, 8, ended=32, took=1.05), 8, "the latency is as it should be")
        self.assertEqual(self.pods(60, 8, 8, ended=96, took=0.5), 7, "they answer more than that in time")

    def test_the_end_of_a_burst_is_no_overload(self) -> None:
        self.pods(60, 4, 4, ended=40, took=2)
        self.pods(15, 4, 4, ended=16, took=2)
        self.assertEqual(self.pods(60, 8, 8, ended=16, took=0.5), 4)

    def test_requests_that_have_become_heavier_are_another_overload(self) -> None:
        self.pods(60, 4, 4, ended=40, took=2)
        self.pods(60, 8, 8, ended=16)
        self.pods(60, 4, 4, ended=16, took=2)
        self.assertEqual(self.pods(60, 8, 8, ended=16, took=0.5), 5)

    def test_refused_requests_are_no_load(self) -> None:
        self.pods(60, 4, 4, ended=40, took=2)
        self.assertEqual(self.pods(60, 8, 8, ended=40, took=0.5, refused=20), 5)

    def test_slow_requests_are_measured_for_longer(self) -> None:
        self.latency = Latency(target=20)
        self.assertEqual(self.one_in_16_seconds(current=4, took=40), 8)
        self.assertEqual(self.one_in_16_seconds(current=8, took=5), 5)

    def one_in_16_seconds(self, current: int, took: float) -> int:
        for _ in range(20):
            self.pods(15, current, current, ended=0)
            found = self.pods(1, current, current, ended=1, took=took)
        return found

    def test_an_overload_is_forgotten_after_a_while(self) -> None:
        self.pods(60, 4, 4, ended=40, took=2)
        self.assertEqual(self.pods(60, 5, 5, ended=40, took=0.5), 5)
        self.now += REMEMBERED
        self.assertEqual(self.pods(60, 5, 5, ended=40, took=0.5), 4)


if __name__ == "__main__":
    unittest.main()
