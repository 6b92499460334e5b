"""Runs inside the image: python -m unittest discover /tests"""

import unittest
from unittest import mock

import numpy as np
import onnxruntime
from mlflow.exceptions import MlflowException
from onnx import ModelProto
from prometheus_client import REGISTRY
from sklearn.calibration import CalibratedClassifierCV
from training import data, errors, model, progress, promotion, registry
from training.__main__ import parse
from training.model import Hyperparameters
from training.promotion import Promotion, decide


class Split(unittest.TestCase):
    def test_is_the_same_every_time(self) -> None:
        first, second = data.load(), data.load()
        np.testing.assert_array_equal(first.holdout_images, second.holdout_images)

    def test_training_never_sees_the_holdout(self) -> None:
        digits = data.load()
        seen = {image.tobytes() for image in digits.train_images}
        self.assertEqual([image for image in digits.holdout_images if image.tobytes() in seen], [])

    def test_holdout_document_is_plain_and_complete(self) -> None:
        document = data.load().holdout_document()
        self.assertEqual(len(document["inputs"]), len(document["labels"]))
        self.assertEqual({len(image) for image in document["inputs"]}, {64})
        self.assertEqual(set(document["labels"]), set(range(10)))


class Model(unittest.TestCase):
    digits: data.Digits
    classifier: CalibratedClassifierCV
    exported: ModelProto

    @classmethod
    def setUpClass(cls) -> None:
        cls.digits = data.load()
        cls.classifier = model.fit(cls.digits.train_images, cls.digits.train_labels, Hyperparameters(0.001, 10))
        cls.exported = model.export(cls.classifier)

    def test_recognizes_unseen_digits(self) -> None:
        self.assertGreater(model.accuracy(self.exported, self.digits.holdout_images, self.digits.holdout_labels), 0.97)

    def test_export_predicts_what_the_classifier_predicts(self) -> None:
        predicted = self.classifier.predict(self.digits.holdout_images)
        self.assertEqual(model.accuracy(self.exported, self.digits.holdout_images, predicted), 1.0)

    def test_export_answers_with_probabilities(self) -> None:
        session = onnxruntime.InferenceSession(self.exported.SerializeToString(), providers=["CPUExecutionProvider"])
        inputs = {model.INPUT_NAME: self.digits.holdout_images}
        labels, probabilities = session.run(["label", "probabilities"], inputs)
        self.assertTrue(((probabilities >= 0) & (probabilities <= 1)).all())
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(probabilities.argmax(axis=1), labels)
        expected = self.classifier.predict_proba(self.digits.holdout_images)
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)

    def test_two_fits_of_the_same_digits_are_the_same_model(self) -> None:
        again = model.export(model.fit(self.digits.train_images, self.digits.train_labels, Hyperparameters(0.001, 10)))
        self.assertEqual(again.SerializeToString(), self.exported.SerializeToString())

    def test_bad_hyperparameters_are_seen_in_the_accuracy(self) -> None:
        bad = model.export(model.fit(self.digits.train_images, self.digits.train_labels, Hyperparameters(10, 1)))
        self.assertLess(model.accuracy(bad, self.digits.holdout_images, self.digits.holdout_labels), 0.5)

    def test_a_fit_loses_less_than_a_bad_one(self) -> None:
        bad = model.fit(self.digits.train_images, self.digits.train_labels, Hyperparameters(10, 1))
        images, labels = self.digits.holdout_images, self.digits.holdout_labels
        self.assertLess(model.loss(self.classifier, images, labels), model.loss(bad, images, labels))

    def test_signature_names_the_input_and_its_shape(self) -> None:
        (image,) = registry.signature(self.exported).inputs.inputs
        self.assertEqual((image.name, image.shape, image.type), ("image", (-1, 64), np.dtype(np.float32)))


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
    def test_only_grows_and_ends_whole(self) -> None:
        told = []
        for stage in progress.STAGES:
            progress.begins(stage)
            told.append(REGISTRY.get_sample_value("training_progress_ratio"))
            self.assertEqual(REGISTRY.get_sample_value("training_stage", {"training_stage": stage}), 1)
        progress.ends()
        told.append(REGISTRY.get_sample_value("training_progress_ratio"))
        self.assertEqual(told, sorted(set(told)))
        self.assertEqual((told[0], told[-1]), (0, 1))

    def test_there_is_no_loss_before_it_is_known(self) -> None:
        self.assertIsNone(REGISTRY.get_sample_value("training_loss", {"split": "train"}))
        progress.fitted(samples=100, seconds=2, train=0.5)
        self.assertEqual(REGISTRY.get_sample_value("training_loss", {"split": "train"}), 0.5)
        self.assertEqual(REGISTRY.get_sample_value("training_samples_per_second"), 50)


class CommandLine(unittest.TestCase):
    def test_hyperparameters_are_options(self) -> None:
        self.assertEqual(parse(["--gamma", "0.01", "--c", "2"]), Hyperparameters(gamma=0.01, c=2))

    def test_a_number_that_makes_no_sense_is_refused(self) -> None:
        for bad in ("0", "-1", "nan", "inf", "many"):
            with self.subTest(bad), self.assertRaises(SystemExit):
                parse([f"--gamma={bad}"])


class Errors(unittest.TestCase):
    def test_wrong_credentials_are_one_line(self) -> None:
        error = MlflowException("API request to endpoint /x failed with error code 401 != 200. Response body: 'no\nno'")
        self.assertEqual(errors.explain(error, "http://t"), f"http://t: {errors.WRONG_CREDENTIALS}")

    def test_a_refused_connection_is_named(self) -> None:
        error = MlflowException(
            "API failed with HTTPConnectionPool: Max retries exceeded (Caused by: Connection refused)"
        )
        self.assertEqual(
            errors.explain(error, "http://t"), "http://t: the tracking server can't be reached (Connection refused)"
        )


if __name__ == "__main__":
    unittest.main()
