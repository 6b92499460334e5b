"""Runs inside the image: python -m unittest discover /tests"""

import tempfile
import unittest
from itertools import chain
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from onnx import ModelProto, numpy_helper
from prometheus_client import REGISTRY
from trainer import data, fit, network, progress, promotion, registry
from trainer.__main__ import parse, require_gpus
from trainer.checkpoint import FILE, Checkpoints
from trainer.fit import Epoch, Hyperparameters, Saving
from trainer.promotion import Promotion, decide
from trainer.stop import Stop

BRIEF = Hyperparameters(epochs=2, batch=64, learning_rate=1e-3, seed=7)


def trained(settings: Hyperparameters = BRIEF, loader_workers: int = 0) -> ModelProto:
    return network.export(fit.fit(data.digits(), settings, loader_workers, lambda _: None))


def weights(model: ModelProto) -> list[bytes]:
    return [numpy_helper.to_array(each).tobytes() for each in model.graph.initializer]


class Data(unittest.TestCase):
    def test_no_image_is_both_trained_on_and_held_out(self) -> None:
        digits = data.digits()
        trained_on = {image.tobytes() for image in digits.train_images}
        self.assertFalse([image for image in digits.holdout_images if image.tobytes() in trained_on])

    def test_each_epoch_has_every_sample_once_in_another_order(self) -> None:
        batches = data.Batches(100, 32, seed=0)
        first, second = list(chain(*batches)), list(chain(*batches))
        self.assertEqual([epoch for epoch, _ in second], [1] * 100)
        self.assertEqual(sorted(index for _, index in first), list(range(100)))
        self.assertNotEqual([index for _, index in first], [index for _, index in second])

    def test_workers_share_each_batch_between_them(self) -> None:
        for workers in (2, 3, 5):
            parts = [list(data.Batches(100, 32, seed=0, worker=each, workers=workers)) for each in range(workers)]
            for step, batch in enumerate(data.Batches(100, 32, seed=0)):
                own = [parts[each][step][: data.part(len(batch), each, workers)] for each in range(workers)]
                self.assertEqual(sorted(chain(*own)), sorted(batch))
                self.assertTrue(all(parts[each][step] for each in range(workers)), "a worker without a sample")

    def test_a_shift_moves_a_digit_by_at_most_one_pixel(self) -> None:
        images = np.zeros((1, data.PIXELS), np.float32)
        images[0, 3 * data.SIDE + 3] = 1
        samples = data.Shifted(images, np.zeros(1, np.int64), seed=0)
        places = {divmod(int(samples[epoch, 0][0].argmax()), data.SIDE) for epoch in range(200)}
        self.assertEqual(places, {(row, column) for row in (2, 3, 4) for column in (2, 3, 4)})


class StopAfter(Stop):
    """As if SIGTERM had come during the given step, or none with 0."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._left = step

    @property
    def requested(self) -> bool:
        self._left -= 1
        return self._left == 0

    @requested.setter
    def requested(self, value: bool) -> None: ...


class Resuming(unittest.TestCase):
    """Two epochs of 22 steps."""

    reference: ModelProto

    @classmethod
    def setUpClass(cls) -> None:
        cls.reference = trained()

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.checkpoints = Checkpoints(folder.name)
        self.epochs: list[Epoch] = []

    def run_until(self, stop: Stop, loader_workers: int = 0, settings: Hyperparameters = BRIEF) -> network.Network:
        saving = Saving(self.checkpoints, self.checkpoints.load(), "abc", stop=stop)
        return fit.fit(data.digits(), settings, loader_workers, self.epochs.append, saving)

    def test_a_run_that_is_stopped_anywhere_ends_with_the_same_weights(self) -> None:
        for steps in ([1], [21], [22], [23], [30, 5], [1, 1, 1, 20, 7]):
            with self.subTest(steps=steps):
                for step in steps:
                    with self.assertRaisesRegex(SystemExit, "stopped by SIGTERM, saved in epoch"):
                        self.run_until(StopAfter(step))
                self.assertTrue(weights(network.export(self.run_until(Stop()))) == weights(self.reference))
                (Path(self.folder) / FILE).unlink()

    def test_processes_that_load_go_on_at_the_same_sample(self) -> None:
        with self.assertRaises(SystemExit):
            self.run_until(StopAfter(5), loader_workers=2)
        resumed = self.run_until(Stop(), loader_workers=2)
        self.assertTrue(weights(network.export(resumed)) == weights(self.reference))

    def test_the_loss_of_an_interrupted_epoch_is_that_of_the_whole(self) -> None:
        self.run_until(Stop())
        whole = [epoch.loss for epoch in self.epochs]
        (Path(self.folder) / FILE).unlink()
        self.epochs.clear()
        with self.assertRaises(SystemExit):
            self.run_until(StopAfter(30))
        self.run_until(Stop())
        self.assertEqual([epoch.loss for epoch in self.epochs], whole)
        self.assertEqual([epoch.number for epoch in self.epochs], [0, 1])

    def test_a_finished_run_trains_no_step_again(self) -> None:
        self.run_until(Stop())
        self.epochs.clear()
        self.assertTrue(weights(network.export(self.run_until(Stop()))) == weights(self.reference))
        self.assertEqual(self.epochs, [])

    def test_what_was_half_written_does_not_count(self) -> None:
        with self.assertRaises(SystemExit):
            self.run_until(StopAfter(30))
        with (
            mock.patch("trainer.checkpoint.os.fsync", side_effect=OSError(28, "No space left on device")),
            self.assertRaisesRegex(SystemExit, "can't be saved .*No space left.*raise the job's checkpoint.size"),
        ):
            self.run_until(Stop())
        self.assertTrue(weights(network.export(self.run_until(Stop()))) == weights(self.reference))

    def test_a_checkpoint_that_is_none_is_named(self) -> None:
        for content in (b"", b"no checkpoint"):
            (Path(self.folder) / FILE).write_bytes(content)
            with self.assertRaisesRegex(SystemExit, "trainer.pt is not a checkpoint of this job"):
                self.checkpoints.load()

    def test_other_arguments_do_not_go_on(self) -> None:
        with self.assertRaises(SystemExit):
            self.run_until(StopAfter(5))
        with self.assertRaisesRegex(SystemExit, "of a job with other arguments"):
            self.run_until(Stop(), settings=Hyperparameters(**{**vars(BRIEF), "seed": 8}))


class FromTheChampion(unittest.TestCase):
    def test_its_weights_are_where_training_goes_on(self) -> None:
        exported = trained()
        none = Hyperparameters(**{**vars(BRIEF), "epochs": 0, "seed": 8})
        untrained = fit.fit(data.digits(), none, 0, lambda _: None, Saving(first=network.weights(exported)))
        self.assertTrue(weights(network.export(untrained)) == weights(exported))

    def test_it_loses_less_than_a_new_one(self) -> None:
        digits, epochs = data.digits(), list[Epoch]()
        saving = Saving(first=network.weights(trained()))
        better = network.export(fit.fit(digits, BRIEF, 0, epochs.append, saving))
        images, labels = digits.holdout_images, digits.holdout_labels
        self.assertLess(network.loss(better, images, labels), network.loss(trained(), images, labels))

    def test_a_model_of_another_kind_is_none(self) -> None:
        other = trained()
        del other.graph.initializer[:]
        with self.assertRaises(network.OtherArchitectureError):
            network.weights(other)


class Training(unittest.TestCase):
    reference: ModelProto

    @classmethod
    def setUpClass(cls) -> None:
        cls.reference = trained()

    def test_the_same_seed_gives_the_same_weights_however_many_processes_load(self) -> None:
        for loader_workers in (0, 2):
            self.assertTrue(weights(trained(loader_workers=loader_workers)) == weights(self.reference))

    def test_another_seed_gives_others(self) -> None:
        other = Hyperparameters(**{**vars(BRIEF), "seed": 8})
        self.assertNotEqual(weights(trained(other)), weights(self.reference))

    def test_more_epochs_recognize_more(self) -> None:
        digits = data.digits()
        longer = trained(Hyperparameters(epochs=20, batch=32, learning_rate=3e-3, seed=0))
        accuracy = network.accuracy(longer, digits.holdout_images, digits.holdout_labels)
        self.assertGreater(accuracy, 0.96)
        self.assertGreater(accuracy, network.accuracy(self.reference, digits.holdout_images, digits.holdout_labels))

    def test_the_export_predicts_what_the_network_predicts(self) -> None:
        digits = data.digits()
        made = fit.fit(digits, BRIEF, 0, lambda _: None)
        with torch.no_grad():
            predicted = made.to("cpu")(torch.from_numpy(digits.holdout_images)).argmax(dim=1).numpy()
        self.assertEqual(network.accuracy(network.export(made), digits.holdout_images, predicted), 1.0)

    def test_signature_names_the_input_and_its_shape(self) -> None:
        signature = registry.signature(self.reference)
        (image,) = signature.inputs.inputs
        self.assertEqual((image.name, image.shape, image.type), ("image", (-1, 64), np.dtype(np.float32)))
        self.assertEqual([output.shape for output in signature.outputs.inputs], [(-1,), (-1, 10)])

    def test_each_epoch_is_reported(self) -> None:
        epochs: list[Epoch] = []
        fit.fit(data.digits(), BRIEF, 0, epochs.append)
        self.assertEqual([(each.number, each.samples, each.steps) for each in epochs], [(0, 1347, 22), (1, 1347, 22)])
        self.assertLess(epochs[1].loss, epochs[0].loss)
        for each in epochs:
            self.assertTrue(0 < each.wait_ratio < 1)


BATCHES = [(torch.zeros(2, data.PIXELS), torch.zeros(2, dtype=torch.int64))] * 2


class Waits(unittest.TestCase):
    """The seconds in the loader are those between two readings of the clock."""

    def waited(self, where: str, idle: list[float]) -> float:
        """With a loader that takes 2 seconds for each answer; `idle` are milliseconds between its events."""
        events = [mock.Mock(**{"elapsed_time.return_value": each}) for each in idle for _ in range(2)]
        clock = mock.Mock(**{"perf_counter.side_effect": [2.0 * reading for reading in range(2 * len(idle))]})
        with mock.patch("torch.cuda.Event", side_effect=events), mock.patch.object(fit, "time", clock):
            waits = fit.Waits(torch.device(where))
            self.assertEqual(len(list(waits.of(BATCHES))), len(BATCHES))
            return waits.seconds()

    def test_the_cpu_is_idle_while_it_waits(self) -> None:
        self.assertEqual(self.waited("cpu", [0, 0, 0]), 6)

    def test_a_gpu_that_computes_meanwhile_does_not_wait(self) -> None:
        self.assertEqual(self.waited("cuda", [0, 0, 0]), 0)

    def test_a_gpu_waits_as_long_as_it_is_idle_and_at_most_for_the_loader(self) -> None:
        self.assertEqual(self.waited("cuda", [500, 2500, 0]), 0.5 + 2)


class Promotes(unittest.TestCase):
    def test_first_model_becomes_champion(self) -> None:
        self.assertTrue(decide(Promotion(), 0.1, None).promoted)

    def test_equal_is_not_worse(self) -> None:
        self.assertTrue(decide(Promotion(), 0.98, 0.98, "1").promoted)

    def test_worse_stays_out_and_says_why(self) -> None:
        decision = decide(Promotion(), 0.97, 0.98, "4")
        self.assertFalse(decision.promoted)
        self.assertEqual(decision.reason, "holdout_accuracy 0.9700, champion version 4 has 0.9800")

    def test_a_declared_margin_must_be_reached(self) -> None:
        wanted = Promotion(margin=0.125)
        self.assertTrue(decide(wanted, 0.875, 0.75, "4").promoted)
        decision = decide(wanted, 0.8125, 0.75, "4")
        self.assertFalse(decision.promoted)
        self.assertEqual(
            decision.reason,
            "holdout_accuracy 0.8125, champion version 4 has 0.7500, and 0.1250 better is wanted",
        )

    def test_a_loss_is_better_if_it_is_less(self) -> None:
        wanted = Promotion("holdout_loss", margin=0.25, minimize=True)
        self.assertTrue(decide(wanted, 0.5, 0.75, "4").promoted)
        self.assertFalse(decide(wanted, 0.625, 0.75, "4").promoted)
        self.assertFalse(decide(wanted, 1.0, 0.75, "4").promoted)

    def test_a_champion_that_came_meanwhile_is_measured_too(self) -> None:
        for worth, aliases, promoted, reason in (
            ({"1": 0.5, "2": 0.75}, ["1", "2", "2"], True, "champion version 2 has 0.7500"),
            ({"1": 0.5, "2": 0.875}, ["1", "2"], False, "champion version 2 has 0.8750"),
            ({"1": 0.5}, ["1", "1"], True, "champion version 1 has 0.5000"),
        ):
            with (
                self.subTest(aliases),
                mock.patch.object(registry, "MlflowClient") as client,
                mock.patch.object(registry, "current_champion", side_effect=aliases),
                mock.patch.object(registry, "load", side_effect=lambda _, version: version),
                mock.patch.object(registry, "worth", side_effect=lambda version, *_, worth=worth: worth[version]),
            ):
                decision = registry.promote("digits", "3", 0.8, Promotion(), mock.Mock())
                moved = client.return_value.set_registered_model_alias.call_args_list
            self.assertEqual((decision.promoted, len(moved)), (promoted, promoted))
            self.assertEqual(decision.reason, f"holdout_accuracy 0.8000, {reason}")

    def test_it_is_as_the_platform_declares(self) -> None:
        declared = {"PROMOTION_METRIC": "holdout_accuracy", "PROMOTION_MARGIN": "0.5", "PROMOTION_GOAL": "minimize"}
        with mock.patch.dict("os.environ", declared):
            self.assertEqual(promotion.declared(registry.METRICS), Promotion("holdout_accuracy", 0.5, minimize=True))
        self.assertEqual(promotion.declared(registry.METRICS), Promotion())

    def test_a_metric_that_is_not_measured_is_refused(self) -> None:
        with mock.patch.dict("os.environ", {"PROMOTION_METRIC": "f1"}), self.assertRaises(SystemExit) as found:
            promotion.declared(registry.METRICS)
        self.assertRegex(
            str(found.exception.code),
            "^training: promotion.metric: this job does not measure 'f1'; write holdout_accuracy",
        )


class Progress(unittest.TestCase):
    def test_an_epoch_is_a_part_of_the_stage(self) -> None:
        told = []
        for stage in progress.STAGES:
            progress.begins(stage)
            told.append(REGISTRY.get_sample_value("training_progress_ratio"))
            if stage == "fit":
                for number in range(2):
                    progress.fitted(Epoch(number, loss=1.0, samples=10, steps=1, seconds=2.0, waited=0.5), epochs=2)
                    told.append(REGISTRY.get_sample_value("training_progress_ratio"))
        progress.ends()
        told.append(REGISTRY.get_sample_value("training_progress_ratio"))
        self.assertEqual(told, sorted(told, key=float))
        self.assertEqual(told[-1], 1)
        self.assertEqual(REGISTRY.get_sample_value("training_loader_wait_ratio"), 0.25)
        self.assertEqual(REGISTRY.get_sample_value("training_samples_per_second"), 5)


@unittest.skipIf(torch.cuda.is_available(), "for machines without a GPU")
class GivenGpus(unittest.TestCase):
    def test_a_pod_with_gpus_does_not_train_on_the_cpu(self) -> None:
        with mock.patch.dict("os.environ", {"GPUS": "2"}), self.assertRaises(SystemExit) as found:
            require_gpus()
        self.assertEqual(
            found.exception.code,
            "training: the pod was given 2 GPUs, and PyTorch can't use them; run `make gpu-check`",
        )

    def test_a_pod_without_gpus_does(self) -> None:
        for environment in ({}, {"GPUS": "0"}):
            with mock.patch.dict("os.environ", environment, clear=True):
                require_gpus()


class CommandLine(unittest.TestCase):
    def test_hyperparameters_are_options(self) -> None:
        settings, loader_workers = parse(["--epochs", "3", "--batch=8", "--learning-rate", "0.1", "--loader-workers=0"])
        self.assertEqual(settings, Hyperparameters(epochs=3, batch=8, learning_rate=0.1, seed=0))
        self.assertEqual(loader_workers, 0)

    def test_a_number_that_makes_no_sense_is_refused(self) -> None:
        for option in ("--epochs=0", "--batch=-1", "--learning-rate=nan", "--seed=-1", "--loader-workers=many"):
            with self.subTest(option), self.assertRaises(SystemExit):
                parse([option])


if __name__ == "__main__":
    unittest.main()
