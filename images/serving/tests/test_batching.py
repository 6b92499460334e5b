"""Requests that wait while the model runs are answered by one run."""

import asyncio
import tempfile
import unittest
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

import numpy as np
from example_models import ACROSS_ROWS, DOUBLING, FIXED, IDENTITY, PRODUCT, QUANTIZED, SUM, TABLE, TEXT, load
from serving.call import Call, split
from serving.cpus import available_cpus
from serving.datatypes import Array
from serving.metrics import BATCH_BUCKETS, Metrics
from serving.model import Model
from serving.runner import BatchLimits, Runner

Outcome = list[Array] | BaseException


class Held:
    """A model whose first run does not end before `release`; `begun` is set once it has begun."""

    def __init__(self, model: Model) -> None:
        self.begun, self.release = Event(), Event()
        self.runs: list[int] = []
        self._run = model.run
        self.model = model
        model.run = self.run  # type: ignore[method-assign] # the model's own run is called by this one

    def run(self, call: Call) -> list[Array]:
        self.runs.append(call.rows or 0)
        self.begun.set()
        if not self.release.wait(60):
            raise AssertionError("never released")
        return self._run(call)


def doubling(*rows: float) -> Call:
    return Call(["y"], {"x": np.array([[row, row] for row in rows], np.float32)})


def lookup(*indices: int) -> Call:
    return Call(["y"], {"i": np.array(indices, np.int64)})


class Batching(unittest.TestCase):
    def setUp(self) -> None:
        self.observed: list[int] = []

    def runner(self, model: Model, rows: int = 64, size: int = 2**20, runs: int = 1) -> Runner:
        return Runner(model, BatchLimits(rows, size, runs), self.observed.append)

    def outcomes(self, content: bytes, first: Call, *others: Call, **limits: int) -> tuple[list[Outcome], list[int]]:
        """Those of calls of which all but the first arrive while that one runs, and the rows of each run."""
        held = Held(load(content))
        runner = self.runner(held.model, **limits)

        async def ask() -> list[Outcome]:
            running = asyncio.create_task(runner.run(first))
            await asyncio.to_thread(held.begun.wait, 60)
            waiting = [asyncio.create_task(runner.run(call)) for call in others]
            await until_suspended(waiting)
            held.release.set()
            return await asyncio.gather(running, *waiting, return_exceptions=True)

        return asyncio.run(ask()), held.runs

    def test_what_waits_is_one_run_and_each_has_its_own_result(self) -> None:
        calls = [doubling(1), doubling(2), doubling(3, 4), doubling(5)]
        outcomes, runs = self.outcomes(DOUBLING, *calls)
        for outcome, call in zip(outcomes, calls, strict=True):
            assert not isinstance(outcome, BaseException)
            np.testing.assert_array_equal(outcome[0], 2 * call.inputs["x"])
        self.assertEqual((runs, self.observed), ([1, 4], [1, 3]))

    def test_results_are_those_of_running_alone_but_for_rounding(self) -> None:
        """ONNX Runtime adds up a product of one row in another order than one of several."""
        random = np.random.default_rng(1)
        calls = [Call(["y"], {"x": random.standard_normal((rows, 64), np.float32)}) for rows in (1, 1, 2, 3, 1, 5)]
        outcomes, runs = self.outcomes(PRODUCT, *calls)
        self.assertEqual(runs, [1, 12])
        model = load(PRODUCT)
        for outcome, call in zip(outcomes, calls, strict=True):
            assert not isinstance(outcome, BaseException)
            np.testing.assert_allclose(outcome[0], model.run(call)[0], rtol=0, atol=2e-5)

    def test_texts_are_batched_too(self) -> None:
        calls = [Call(["u", "g"], {"t": np.array([text], object), "f": np.array([True])}) for text in "abc"]
        outcomes, runs = self.outcomes(TEXT, *calls)
        self.assertEqual(runs, [1, 2])
        found = [[array.tolist() for array in outcome] for outcome in outcomes if isinstance(outcome, list)]
        self.assertEqual(found, [[["a"], [False]], [["b"], [False]], [["c"], [False]]])

    def test_a_call_that_fails_fails_alone(self) -> None:
        outcomes, runs = self.outcomes(TABLE, lookup(0), lookup(1), lookup(9), lookup(2))
        self.assertIsInstance(outcomes[2], Exception)
        for outcome, expected in zip((outcomes[0], outcomes[1], outcomes[3]), (1, 2, 3), strict=True):
            assert not isinstance(outcome, BaseException)
            self.assertEqual(outcome[0].tolist(), [expected])
        self.assertEqual((runs, self.observed), ([1, 3, 1, 1, 1], [1, 1, 1, 1]))

    def test_a_batch_has_no_more_rows_and_bytes_than_its_limits(self) -> None:
        calls = [doubling(1), *[doubling(2, 3)] * 5]
        self.assertEqual(self.outcomes(DOUBLING, *calls, rows=5)[1], [1, 4, 4, 2])
        self.assertEqual(self.outcomes(DOUBLING, *calls, size=48)[1], [1, 6, 4])
        self.assertEqual(self.outcomes(DOUBLING, *[doubling(1)] * 3, size=1)[1], [1, 1, 1])

    def test_runs_at_the_same_time_share_the_limit_of_bytes(self) -> None:
        calls = [doubling(1, 2), doubling(3, 4), doubling(5)]
        self.assertEqual(self.outcomes(DOUBLING, *calls, size=24, runs=2)[1], [2, 3])
        self.assertEqual(self.outcomes(DOUBLING, *calls, size=32, runs=2)[1], [2, 2, 1])

    def test_a_call_with_more_rows_than_a_batch_does_not_wait(self) -> None:
        held = Held(load(DOUBLING))
        runner = self.runner(held.model, rows=2)

        async def ask() -> None:
            running = asyncio.create_task(runner.run(doubling(1)))
            await asyncio.to_thread(held.begun.wait, 60)
            held.begun.clear()
            large = asyncio.create_task(runner.run(doubling(1, 2, 3)))
            self.assertTrue(await asyncio.to_thread(held.begun.wait, 60))
            held.release.set()
            await asyncio.gather(running, large)

        asyncio.run(ask())
        self.assertEqual(held.runs, [1, 3])

    def test_calls_that_differ_in_more_than_rows_are_run_in_turn(self) -> None:
        other = Call([], {"x": np.ones((1, 2), np.float32)})
        outcomes, runs = self.outcomes(DOUBLING, doubling(1), doubling(2), other, doubling(3))
        self.assertEqual(runs, [1, 2, 1])
        self.assertFalse([outcome for outcome in outcomes if isinstance(outcome, BaseException)])

    def test_requests_are_batched_only_while_all_runs_are_busy(self) -> None:
        self.assertEqual(self.outcomes(DOUBLING, *[doubling(1)] * 4, runs=2)[1], [1, 3])

    def test_a_request_that_is_cancelled_leaves_the_others(self) -> None:
        held = Held(load(DOUBLING))
        runner = self.runner(held.model)

        async def ask() -> Outcome:
            first = asyncio.create_task(runner.run(doubling(1)))
            await asyncio.to_thread(held.begun.wait, 60)
            others = [asyncio.create_task(runner.run(doubling(row))) for row in (2, 3)]
            await until_suspended(others)
            others[0].cancel()
            held.release.set()
            await first
            return await others[1]

        self.assertEqual(np.asarray(asyncio.run(ask())).tolist(), [[[6, 6]]])

    def test_an_idle_server_runs_a_request_at_once(self) -> None:
        runner = self.runner(load(DOUBLING))

        async def ask() -> None:
            for row in range(3):
                await runner.run(doubling(row))

        asyncio.run(ask())
        self.assertEqual(self.observed, [1, 1, 1])

    def test_inputs_that_disagree_in_the_first_dimension_are_run_alone(self) -> None:
        call = Call(["y"], {"a": np.ones((2, 2), np.float32), "b": np.ones((1, 2), np.float32)})
        self.assertIsNone(call.rows)
        arrays = asyncio.run(self.runner(load(SUM)).run(call))
        self.assertEqual((arrays[0].tolist(), self.observed), ([[2, 2], [2, 2]], [1]))

    def test_outputs_of_another_size_are_not_split(self) -> None:
        with self.assertRaisesRegex(ValueError, r"an output has the shape \(2, 2\) for 3 rows"):
            split([np.ones((2, 2))], [1, 2])

    def test_a_model_that_must_not_be_batched_and_a_limit_of_one_row_are_run_at_once(self) -> None:
        for content, rows in ((ACROSS_ROWS, 64), (DOUBLING, 1)):
            model = load(content)
            self.observed.clear()
            runner = self.runner(model, rows=rows)

            async def ask(runner: Runner = runner) -> None:
                await asyncio.gather(*[runner.run(doubling(1)) for _ in range(4)])

            asyncio.run(ask())
            self.assertEqual(self.observed, [1] * 4)


async def until_suspended(tasks: list["asyncio.Task[Any]"]) -> None:
    """Each has begun, and waits for something."""
    while any(task.get_coro().cr_await is None and not task.done() for task in tasks):  # type: ignore[union-attr] # they are all coroutines
        await asyncio.sleep(0)


class Independence(unittest.TestCase):
    def test_models_that_compute_each_row_by_itself_are_batched(self) -> None:
        for content in (DOUBLING, PRODUCT, SUM, TABLE, TEXT):
            self.assertIsNone(load(content).unbatched)

    def test_all_others_are_not_and_say_why(self) -> None:
        self.assertEqual(load(FIXED).unbatched, "the first dimension of 'x' is not free")
        for content in (ACROSS_ROWS, QUANTIZED):
            self.assertEqual(load(content).unbatched, "the result of a row depends on the other rows")

    def test_a_model_that_can_not_be_run_with_generated_inputs_is_not_batched(self) -> None:
        with patch.object(Model, "_run_silently", side_effect=RuntimeError):
            self.assertEqual(load(DOUBLING).unbatched, "it can't be run with generated inputs")


class Counting(unittest.TestCase):
    def test_sizes_of_batches_are_counted_from_the_start(self) -> None:
        metrics = Metrics("example")
        metrics.serves(IDENTITY)
        labels = {"model": "example", "version": "7"}

        def sample(suffix: str, **more: str) -> float | None:
            return metrics.registry.get_sample_value(f"inference_batch_size_{suffix}", labels | more)

        self.assertEqual(sample("count"), 0)
        for requests in (1, 3, 3):
            metrics.ran(IDENTITY, requests)
        self.assertEqual((sample("count"), sample("sum")), (3, 7))
        self.assertEqual([sample("bucket", le=le) for le in ("1.0", "2.0", "4.0")], [1, 1, 3])
        self.assertEqual(BATCH_BUCKETS[0], 1)


class Cpus(unittest.TestCase):
    def cpus(self, **files: str) -> int:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "cpu").mkdir()
        for name, text in files.items():
            (folder / name.replace("__", "/").replace("_DOT_", ".")).write_text(text)
        with patch("os.sched_getaffinity", return_value=set(range(8))):
            return available_cpus(folder)

    def test_the_limit_of_the_container_counts(self) -> None:
        self.assertEqual(self.cpus(), 8)
        for text, expected in (("max 100000", 8), ("100000 100000", 1), ("250000 100000", 3), ("9900000 100000", 8)):
            self.assertEqual(self.cpus(cpu_DOT_max=f"{text}\n"), expected, text)
        for quota, expected in (("-1", 8), ("50000", 1), ("200000", 2)):
            files = {"cpu__cpu_DOT_cfs_quota_us": f"{quota}\n", "cpu__cpu_DOT_cfs_period_us": "100000\n"}
            self.assertEqual(self.cpus(**files), expected, quota)


if __name__ == "__main__":
    unittest.main()
