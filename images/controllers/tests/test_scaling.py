"""Run inside the image."""

import unittest

from controllers.envoy import Requests
from controllers.latency import LONGEST_START
from controllers.scaling import PERIOD, Bounds, Scaler

DOWN = 60


class Endpoint:
    """One whose pods are ready some seconds after they were wanted."""

    def __init__(self, minimum: int, maximum: int, current: int, starts_in: int = 8) -> None:
        self.scaler = Scaler(Bounds(minimum, maximum, in_flight=10, down_after=DOWN))
        self.now, self.current, self.ready, self.starts_in = 0, current, current, starts_in
        self.changes = list[tuple[int, int]]()
        self._started = 0

    def run(self, seconds: int, in_flight: float, asked: bool | None = None) -> "Endpoint":
        for _ in range(seconds):
            self.now += 1
            begun = bool(in_flight) if asked is None else asked
            self.scaler.observe(self.now, Requests(in_flight, begun))
            wanted = self.scaler.replicas(self.now, self.current, self.ready)
            if wanted != self.current:
                self.current, self._started = wanted, self.now
                self.changes.append((self.now, wanted))
            self.ready = self.current if self.now - self._started >= self.starts_in else min(self.ready, self.current)
        return self


class Scaling(unittest.TestCase):
    def test_the_first_request_wakes_it_at_once(self) -> None:
        endpoint = Endpoint(0, 4, current=0).run(DOWN + 1, 0)
        self.assertEqual(endpoint.changes, [])
        endpoint.run(1, 0, asked=True)
        self.assertEqual(endpoint.changes, [(DOWN + 2, 1)])

    def test_it_goes_to_zero_after_the_time_without_requests_and_not_before(self) -> None:
        endpoint = Endpoint(0, 4, current=1).run(100, 1)
        endpoint.run(DOWN - 1, 0)
        self.assertEqual(endpoint.changes, [])
        endpoint.run(15, 0)
        self.assertEqual([pods for _, pods in endpoint.changes], [0])

    def test_it_never_goes_down_while_a_pod_starts(self) -> None:
        endpoint = Endpoint(0, 4, current=0, starts_in=3 * DOWN).run(1, 0, asked=True).run(3 * DOWN - 1, 0)
        self.assertEqual([pods for _, pods in endpoint.changes], [1])

    def test_one_that_never_starts_does_not_hold_up_the_others_for_ever(self) -> None:
        endpoint = Endpoint(0, 4, current=0, starts_in=10**6).run(DOWN + 1, 0).run(1, 0, asked=True)
        self.assertEqual(endpoint.run(LONGEST_START - 1, 0).current, 1)
        self.assertEqual(endpoint.run(2, 0).current, 0)

    def test_a_controller_that_starts_again_takes_none_away_before_it_has_seen_enough(self) -> None:
        self.assertEqual(Endpoint(1, 4, current=4).run(DOWN, 0).changes, [])

    def test_pods_follow_the_load_and_stay_within_their_bounds(self) -> None:
        endpoint = Endpoint(1, 6, current=1).run(60, 35)
        self.assertEqual(endpoint.current, 4)
        self.assertEqual(endpoint.run(60, 1000).current, 6)
        self.assertEqual(endpoint.run(2 * DOWN, 5).current, 1)
        self.assertLessEqual(len(endpoint.changes), 5)

    def test_a_raise_is_bounded_in_a_time(self) -> None:
        endpoint = Endpoint(1, 100, current=1).run(PERIOD, 1000)
        self.assertEqual(endpoint.current, 5)
        self.assertEqual(endpoint.run(PERIOD, 1000).current, 10)

    def test_a_load_that_comes_and_goes_changes_little(self) -> None:
        endpoint = Endpoint(1, 6, current=2).run(DOWN, 20)
        for _ in range(20):
            endpoint.run(10, 21).run(10, 12)
        self.assertEqual(endpoint.changes, [])

    def test_bounds_are_kept_when_they_change(self) -> None:
        self.assertEqual(Endpoint(2, 3, current=1).run(1, 0).current, 2)
        self.assertEqual(Endpoint(1, 3, current=5).run(1, 0).current, 3)


if __name__ == "__main__":
    unittest.main()
