"""Runs inside the image: python -m unittest discover -s /tests"""

import http.client
import json
import socket
import time
import unittest
from collections.abc import Callable, Mapping
from threading import Thread
from unittest.mock import patch

import numpy as np
import uvicorn
from example_models import ACROSS_ROWS, DOUBLING, load
from serving.__main__ import main
from serving.answers import ASKED_SECONDS, KEPT_SECONDS, MOST, Answer, Answers
from serving.app import Service, create_app
from serving.binary import encode_bytes
from serving.datatypes import Array
from serving.digests import BLOCK, digest, digests
from serving.metrics import Metrics
from serving.shadow import MOST_ASKED, PATH, TIMEOUT_SECONDS, Shadow, asking, compare, likeliest, servers

OTHER_PATH = "/v2/models/other/infer"


class Digests(unittest.TestCase):
    def same(self, one: Array, other: Array) -> bool:
        return digest(one) == digest(other)

    def test_floats_are_the_same_but_for_their_last_digits(self) -> None:
        for datatype in (np.float32, np.float64):
            for one, other, same in (
                (0.73, 0.7300001, True),
                (0.73, 0.74, False),
                (1234.5, 1234.5001, True),
                (1234.5, 1250.0, False),
                (1.0, 0.99999997, True),
                (1e-9, 3e-8, True),
                (1e-5, 3e-5, False),
                (0.0, -0.0, True),
                (1e30, 1.1e30, False),
                (np.inf, -np.inf, False),
                (np.nan, -np.nan, True),
                (np.nan, 0.0, False),
            ):
                with self.subTest(f"{one} {other}", datatype=datatype):
                    self.assertEqual(self.same(np.array([one], datatype), np.array([other], datatype)), same)

    def test_everything_else_is_compared_exactly(self) -> None:
        for one, other in (
            (np.array([2**40]), np.array([2**40 + 1])),
            (np.array([True, False]), np.array([True, True])),
            (np.array(["a", "bc"], object), np.array(["ab", "c"], object)),
            (np.zeros((2, 3)), np.zeros((3, 2))),
            (np.zeros(2, np.float32), np.zeros(2, np.float64)),
        ):
            self.assertTrue(self.same(one, one.copy()))
            self.assertFalse(self.same(one, other))

    def test_large_outputs_are_compared_whole(self) -> None:
        one = np.ones(2 * BLOCK + 1)
        other = one.copy()
        self.assertTrue(self.same(one, other))
        other[-1] = 2
        self.assertFalse(self.same(one, other))

    def test_a_digest_does_not_hold_the_output(self) -> None:
        (found,) = digests(["y"], [np.array(["secret"], object)]).values()
        self.assertNotIn(encode_bytes(np.array(["secret"], object)).hex(), found)
        self.assertEqual(len(found), 16)


class Keeping(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 1000.0

    def answers(self, always: bool = False) -> Answers:
        return Answers(always, lambda: self.now)

    def test_nothing_is_kept_before_somebody_asks_nor_after_the_last_time(self) -> None:
        answers = self.answers()
        self.assertFalse(answers.wanted())
        self.assertEqual(answers.asked(["a"]), {})
        self.assertTrue(answers.wanted())
        answers.add("a", Answer(200, {"y": "1"}))
        self.assertEqual(answers.asked(["a", "b"]), {"a": Answer(200, {"y": "1"})})
        self.now += ASKED_SECONDS
        self.assertFalse(answers.wanted())
        self.assertEqual(answers.requests(), [])

    def test_old_ones_go_and_so_do_those_without_room(self) -> None:
        answers = self.answers(always=True)
        answers.add("old", Answer(200))
        self.now += KEPT_SECONDS / 2
        answers.add("new", Answer(200))
        self.now += KEPT_SECONDS / 2
        self.assertEqual((answers.dropped(), answers.requests()), (1, ["new"]))
        outputs = {str(number): "digest" for number in range(MOST // 4)}
        for number in range(10):
            answers.add(str(number), Answer(200, outputs))
        self.assertEqual((answers.dropped(), answers.requests()), (7, ["6", "7", "8", "9"]))
        self.assertEqual(answers.dropped(), 0)

    def test_a_request_that_is_sent_again_has_its_last_answer(self) -> None:
        answers = self.answers(always=True)
        for status in (503, 200):
            answers.add("a", Answer(status))
        self.assertEqual(answers.asked(["a"]), {"a": Answer(200)})
        self.assertEqual(answers.take("a"), Answer(200))
        self.assertIsNone(answers.take("a"))
        self.assertEqual(answers.dropped(), 0)


class Comparing(unittest.TestCase):
    def test_outputs_are_compared_one_by_one(self) -> None:
        one = Answer(200, {"label": "1", "probabilities": "2"})
        self.assertEqual(compare(one, one), {"label": "same", "probabilities": "same"})
        other = Answer(200, {"label": "1", "probabilities": "3", "more": "4"})
        self.assertEqual(compare(one, other), {"label": "same", "probabilities": "different", "more": "different"})

    def test_failures_are_compared_by_status(self) -> None:
        self.assertEqual(compare(Answer(400), Answer(400)), {"": "same"})
        self.assertEqual(compare(Answer(200, {"y": "1"}), Answer(500)), {"": "different"})
        for busy in (429, 503):
            self.assertEqual(compare(Answer(busy), Answer(200, {"y": "1"})), {"": "unmatched"})
            self.assertEqual(compare(Answer(200, {"y": "1"}), Answer(busy)), {"": "unmatched"})

    def test_of_a_request_that_was_sent_again_the_answer_counts_that_its_caller_got(self) -> None:
        own = Answer(200, {"y": "1"})
        self.assertEqual(likeliest(own, [Answer(500), own]), own)
        self.assertEqual(likeliest(own, [Answer(500), Answer(200, {"y": "2"})]), Answer(200, {"y": "2"}))


class Server:
    """On a port of the loopback interface."""

    def __init__(self, content: bytes, shadow: bool = False) -> None:
        self.answers, self.metrics = Answers(shadow), Metrics("example", shadow=shadow)
        self.service = Service("example", self.metrics, answers=self.answers)
        self.service.serve(load(content))
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._server = uvicorn.Server(uvicorn.Config(create_app(self.service), log_level="error"))
        self._thread = Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def post(self, path: str, content: object, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", path, json.dumps(content), headers)
        response = connection.getresponse()
        found = response.status, response.read()
        connection.close()
        return found

    def infer(self, request: str, *data: float, path: str = "/v2/models/example/infer") -> int:
        """As the gateway sends it, with an ID, until its answer is kept, if it is."""
        tensor = {"name": "x", "shape": [1, len(data)], "datatype": "FP32", "data": data}
        status, _ = self.post(path, {"inputs": [tensor]}, **({"X-Request-Id": request} if request else {}))
        # An answer is kept after it was sent, and before the next one.
        self.post("/v2/health/live", {})
        return status

    def compared(self) -> Mapping[tuple[str, str], float]:
        """By output and result; nothing that was not counted."""
        samples = [each for family in self.metrics.registry.collect() for each in family.samples]
        return {
            (each.labels["output"], each.labels["result"]): each.value
            for each in samples
            if each.name == "inference_shadow_answers_total" and each.value
        }


class Shadowing(unittest.TestCase):
    """Two servers of an endpoint, and one of its canary, on the loopback interface."""

    def start(self, content: bytes, shadow: bool = False) -> Server:
        server = Server(content, shadow)
        self.addCleanup(server.stop)
        return server

    def setUp(self) -> None:
        self.one, self.two = self.start(DOUBLING), self.start(DOUBLING)

    def shadow(self, content: bytes) -> tuple[Server, Shadow]:
        canary = self.start(content, shadow=True)
        asks = [asking("127.0.0.1", each.port) for each in (self.one, self.two)]
        shadow = Shadow(canary.answers, lambda: asks, canary.service.compared)
        shadow.round()  # as at its start, before the gateway knows it
        return canary, shadow

    def test_the_same_model_gives_the_same_answers_whichever_server_had_the_original(self) -> None:
        canary, shadow = self.shadow(DOUBLING)
        for number, server in enumerate((self.one, self.two, self.one)):
            for each in (server, canary):
                self.assertEqual(each.infer(f"id-{number}", number, 1), 200)
        shadow.round()
        self.assertEqual(canary.compared(), {("y", "same"): 3})
        shadow.round()
        self.assertEqual(canary.compared(), {("y", "same"): 3}, "each is counted once")

    def test_another_model_gives_others(self) -> None:
        canary, shadow = self.shadow(ACROSS_ROWS)
        for each in (self.one, canary):
            each.infer("a", 3, 4)
            each.infer("b", 0.5, 0.5)  # doubled it is 1, as is its softmax over one row
        shadow.round()
        self.assertEqual(canary.compared(), {("y", "different"): 1, ("y", "same"): 1})

    def test_it_does_not_matter_which_answers_first(self) -> None:
        canary, shadow = self.shadow(DOUBLING)
        canary.infer("a", 1, 2)
        shadow.round()
        self.assertEqual(canary.compared(), {})
        self.two.infer("a", 1, 2)
        shadow.round()
        self.assertEqual(canary.compared(), {("y", "same"): 1})

    def test_refusals_are_answers_too(self) -> None:
        canary, shadow = self.shadow(DOUBLING)
        for each in (self.one, canary):
            self.assertEqual(each.infer("a", 1, 2, 3), 400)
        self.assertEqual(self.one.infer("b", 1, 2), 200)
        self.assertEqual(canary.infer("b", 1, 2, 3), 400)
        shadow.round()
        self.assertEqual(canary.compared(), {("", "same"): 1, ("", "different"): 1})

    def test_what_the_endpoint_has_not_answered_is_counted_when_it_is_too_late(self) -> None:
        canary, shadow = self.shadow(DOUBLING)
        canary.infer("a", 1, 2)
        shadow.round()
        self.assertEqual(canary.compared(), {})
        late = time.monotonic() + KEPT_SECONDS
        canary.answers._clock = lambda: late
        shadow.round()
        self.assertEqual(canary.compared(), {("", "unmatched"): 1})

    def test_requests_without_an_id_and_other_paths_are_not_compared(self) -> None:
        canary, _ = self.shadow(DOUBLING)
        self.assertEqual(canary.infer("", 1, 2), 200)
        self.assertEqual(canary.infer("x" * 65, 1, 2), 200)
        self.assertEqual(canary.infer('a"b', 1, 2), 200)
        self.assertEqual(canary.infer("a", 1, 2, path=OTHER_PATH), 404)
        self.assertEqual(canary.answers.requests(), [])

    def test_many_requests_are_asked_for_in_turn(self) -> None:
        canary, shadow = self.shadow(DOUBLING)
        for number in range(2 * MOST_ASKED + 1):
            for each in (self.one, canary):
                each.answers.add(str(number), Answer(200, {"y": "1"}))
        shadow.round()
        self.assertEqual(canary.compared(), {("y", "same"): 2 * MOST_ASKED + 1})

    def test_a_server_tells_nothing_to_those_who_do_not_know_the_ids(self) -> None:
        self.assertEqual(self.one.post(PATH, []), (200, b"{}"))
        self.one.infer("a", 1, 2)
        self.assertEqual(self.one.answers.requests(), ["a"])
        self.assertEqual(self.one.post(PATH, ["b"]), (200, b"{}"))
        for wrong in ("a", {"a": 1}, [1], ["a"] * (MOST_ASKED + 1), ["x" * 65]):
            self.assertEqual(self.one.post(PATH, wrong)[0], 400, wrong)
        self.assertEqual(self.one.post(PATH, "x" * 10**6)[0], 413)
        self.assertFalse(PATH.startswith(("/v1", "/v2")), "the gateway has a route for these")

    def test_while_nobody_asks_nothing_is_kept(self) -> None:
        self.one.infer("a", 1, 2)
        self.assertEqual(self.one.answers.requests(), [])
        self.assertNotIn("shadow", self.one.metrics.page().body.decode())

    def test_a_server_that_is_gone_or_is_another_one_is_passed_over(self) -> None:
        canary, _ = self.shadow(DOUBLING)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            gone = listener.getsockname()[1]
        asks = [asking("127.0.0.1", gone), asking("127.0.0.1", self.one.port)]
        shadow = Shadow(canary.answers, lambda: asks, canary.service.compared)
        for each in (self.one, canary):
            each.infer("a", 1, 2)
        shadow.round()
        self.assertEqual(canary.compared(), {("y", "same"): 1})

    def test_a_server_that_does_not_answer_does_not_keep_the_others_waiting(self) -> None:
        canary, _ = self.shadow(DOUBLING)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            asks = [*[asking("127.0.0.1", silent.getsockname()[1])] * 8, asking("127.0.0.1", self.one.port)]
            for number in range(8 * MOST_ASKED):
                for each in (self.one, canary):
                    each.answers.add(str(number), Answer(200, {"y": "1"}))
            began = time.monotonic()
            Shadow(canary.answers, lambda: asks, canary.service.compared).round()
        self.assertLess(time.monotonic() - began, 3 * TIMEOUT_SECONDS)
        self.assertEqual(canary.compared(), {("y", "same"): 8 * MOST_ASKED})

    def test_servers_are_all_addresses_of_a_name(self) -> None:
        self.assertEqual(len(servers(f"127.0.0.1:{self.one.port}")), 1)
        self.assertEqual(servers("no-such-host.invalid:8080"), [])

    def test_a_server_is_a_shadow_if_its_environment_says_so(self) -> None:
        started = {
            name: self.started(MODEL_NAME="example", MODEL_URI="models:/example/7", MLFLOW_TRACKING_URI="-", **more)
            for name, more in {"stable": {}, "canary": {"STABLE_PODS": f"127.0.0.1:{self.one.port}"}}.items()
        }
        self.assertEqual([each.answers.wanted() for each in started.values()], [False, True])
        self.until(self.one.answers.wanted)
        self.one.infer("a", 1, 2)
        started["canary"].answers.add("a", self.one.answers.asked(["a"])["a"])
        counted = started["canary"].metrics.registry.get_sample_value
        same = {"model": "example", "version": "", "output": "y", "result": "same"}
        self.until(lambda: counted("inference_shadow_answers_total", same) == 1)

    def started(self, **environment: str) -> Service:
        """What `python -m serving` makes of its environment."""
        with patch.dict("os.environ", environment), patch("serving.__main__.serve", return_value=None) as serve:
            main()
        service: Service = serve.call_args.args[0]
        return service

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def test_results_are_counted_from_the_start(self) -> None:
        canary, _ = self.shadow(DOUBLING)
        page = canary.metrics.page().body.decode()
        for output, result in (("y", "same"), ("y", "different"), ("", "different"), ("", "unmatched")):
            labels = f'model="example",output="{output}",result="{result}",version="7"'
            self.assertIn(f"inference_shadow_answers_total{{{labels}}} 0.0", page)


if __name__ == "__main__":
    unittest.main()
