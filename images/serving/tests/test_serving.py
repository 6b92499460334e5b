"""Runs inside the image: python -m unittest discover -s /tests"""

import tempfile
import unittest
from base64 import b64decode
from pathlib import Path
from unittest.mock import create_autospec

import numpy as np
from mlflow.tracking import MlflowClient
from serving import registry
from serving.api_key import NoKeys, admits, read_keys
from serving.metrics import Metrics
from serving.model import Identity, Model, UnsupportedModel
from serving.protocol import InferenceRequest, RequestInput, RequestOutput, TensorMetadata
from serving.tensors import InvalidRequest, decode

# ONNX: y = x + x, both float [batch, 2]. The image has no library that could write one.
DOUBLING = b64decode(
    "CAg6RAoOCgF4CgF4EgF5IgNBZGQSBmRvdWJsZVoUCgF4Eg8KDQgBEgkKAxIBbgoCCAJiFAoBeRIPCg0IARIJCgMSAW4KAggCQgQKABAO"
)

SIGNATURE = [TensorMetadata(name="x", datatype="FP32", shape=[-1, 2])]


def tensor(**changes: object) -> RequestInput:
    return RequestInput.model_validate({"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]} | changes)


class Decoding(unittest.TestCase):
    def test_flat_and_nested_data_are_the_same_tensor(self) -> None:
        for data in ([1, 2, 3, 4], [[1, 2], [3, 4]]):
            with self.subTest(data):
                decoded = decode([tensor(shape=[2, 2], data=data)], SIGNATURE)["x"]
                np.testing.assert_array_equal(decoded, np.array([[1, 2], [3, 4]], np.float32))
                self.assertEqual(decoded.dtype, np.float32)

    def test_what_does_not_fit_is_refused_with_the_reason(self) -> None:
        cases = {
            "unknown input 'z'; the model takes x": [tensor(name="z")],
            "input 'x' is given more than once": [tensor(), tensor()],
            "input 'x': datatype is FP64, the model takes FP32": [tensor(datatype="FP64")],
            "input 'x': shape is [2], the model takes [-1, 2] (-1: any number)": [tensor(shape=[2])],
            "input 'x': shape is [1, 3], the model takes [-1, 2] (-1: any number)": [tensor(shape=[1, 3])],
            "input 'x': shape is [0, 2], the model takes [-1, 2] (-1: any number)": [tensor(shape=[0, 2], data=[])],
            "input 'x': shape [2, 2] needs 4 elements, data has 3": [tensor(shape=[2, 2], data=[1, 2, 3])],
            "input 'x': data is nested as [2, 1], but shape is [1, 2]": [tensor(data=[[1], [2]])],
            "input 'x': element 0 is not a number": [tensor(data=["1", 2])],
            "input 'x': element 1 is not a number": [tensor(data=[1, True])],
            "input 'x': element 1 is not a finite number of the datatype's range": [tensor(data=[1, float("nan")])],
            "input 'x': element 0 is not a finite number of the datatype's range": [tensor(data=[1e39, 1])],
        }
        for reason, tensors in cases.items():
            with self.subTest(reason), self.assertRaises(InvalidRequest) as refused:
                decode(tensors, SIGNATURE)
            self.assertEqual(str(refused.exception), reason)

    def test_ragged_data_is_refused(self) -> None:
        with self.assertRaises(InvalidRequest):
            decode([tensor(shape=[2, 2], data=[[1, 2, 3], [4]])], SIGNATURE)

    def test_a_missing_input_is_named(self) -> None:
        signature = [*SIGNATURE, TensorMetadata(name="mask", datatype="BOOL", shape=[-1])]
        with self.assertRaisesRegex(InvalidRequest, "missing input 'mask'"):
            decode([tensor()], signature)

    def test_integers_out_of_range_are_refused(self) -> None:
        signature = [TensorMetadata(name="x", datatype="UINT8", shape=[1])]
        for value in (-1, 256, 2**80):
            with self.subTest(value), self.assertRaisesRegex(InvalidRequest, "out of the datatype's range"):
                decode([tensor(datatype="UINT8", shape=[1], data=[value])], signature)


class Serving(unittest.TestCase):
    def setUp(self) -> None:
        file = Path(self.enterContext(tempfile.TemporaryDirectory())) / "model.onnx"
        file.write_bytes(DOUBLING)
        self.model = Model(Identity("double", "7", "models:/double@champion", "run", 0.0), file)

    def test_signature_is_the_graphs_own(self) -> None:
        self.assertEqual(self.model.metadata().inputs, SIGNATURE)

    def test_answers_with_the_version_and_the_requests_id(self) -> None:
        answer = self.model.infer(InferenceRequest(id="a", inputs=[tensor(data=[1, 2.5])]))
        self.assertEqual((answer.model_version, answer.id), ("7", "a"))
        self.assertEqual(
            [(output.name, output.data, output.shape) for output in answer.outputs], [("y", [2, 5], [1, 2])]
        )

    def test_unknown_output_is_refused(self) -> None:
        request = InferenceRequest(inputs=[tensor()], outputs=[RequestOutput(name="z")])
        with self.assertRaisesRegex(InvalidRequest, "unknown output 'z'; the model has y"):
            self.model.infer(request)


class Counting(unittest.TestCase):
    def test_failures_are_counted_before_there_is_one(self) -> None:
        metrics = Metrics()
        metrics.serves(Identity("digits", "3", "models:/digits@champion", "r", 1.5))
        for code in ("200", "500", "503"):
            labels = {"model": "digits", "version": "3", "code": code}
            self.assertEqual(metrics.registry.get_sample_value("inference_requests_total", labels), 0, code)
            self.assertEqual(
                metrics.registry.get_sample_value("inference_request_duration_seconds_count", labels), 0, code
            )


class ApiKeys(unittest.TestCase):
    def test_any_of_the_keys_lets_in_and_nothing_else(self) -> None:
        keys = ("first", "second")
        for good in ("Bearer first", "bearer second"):
            self.assertTrue(admits(keys, good), good)
        for header in (None, "", "Bearer", "Bearer ", "Bearer third", "Basic first", "first"):
            self.assertFalse(admits(keys, header), header)

    def test_without_keys_everybody_is_let_in(self) -> None:
        self.assertEqual(read_keys(None), ())
        self.assertTrue(admits((), None))

    def test_keys_that_are_missing_are_no_open_door(self) -> None:
        empty = Path(self.enterContext(tempfile.TemporaryDirectory())) / "keys"
        empty.write_text("\n")
        for path, reason in ((str(empty), "is empty"), ("/none/keys", "No such file")):
            with self.assertRaisesRegex(NoKeys, reason):
                read_keys(path)


class ModelUris(unittest.TestCase):
    def test_an_alias_is_resolved_to_a_version(self) -> None:
        client = create_autospec(MlflowClient, instance=True)
        client.get_model_version_by_alias.return_value.version = 3
        client.get_model_version_by_alias.return_value.run_id = "r"
        client.get_model_version_by_alias.return_value.creation_timestamp = 1500
        self.assertEqual(registry.resolve(client, "models:/digits@champion"), ("digits", "3", "r", 1.5))

    def test_anything_else_is_refused(self) -> None:
        for uri in ("digits", "models:/digits", "models:/digits/latest", "runs:/1/model", "models:/a/b@c"):
            with self.subTest(uri), self.assertRaisesRegex(registry.ModelUnavailable, "not a model URI"):
                registry.resolve(create_autospec(MlflowClient, instance=True), uri)

    def test_a_model_of_another_kind_is_refused(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "MLmodel").write_text("flavors: {sklearn: {}, python_function: {}}")
        with self.assertRaisesRegex(UnsupportedModel, "no onnx flavor, only python_function, sklearn"):
            registry.onnx_file(folder)


if __name__ == "__main__":
    unittest.main()
