"""Runs inside the image: python -m unittest discover -s /tests"""

import asyncio
import json
import tempfile
import unittest
from pathlib import Path
from unittest.mock import create_autospec, patch

import numpy as np
from asgi import post
from example_models import DOUBLING, load
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, PERMISSION_DENIED, RESOURCE_DOES_NOT_EXIST
from mlflow.tracking import MlflowClient
from msgspec.json import Decoder
from serving import registry
from serving.api_key import NoKeys, admits, read_keys
from serving.app import Service, create_app
from serving.limits import LARGE_BYTES, Admission, Limits, read_body
from serving.metrics import Metrics
from serving.model import Identity, Model, UnsupportedModel
from serving.protocol import InferenceRequest, InvalidRequest, RequestInput, RequestOutput, TensorMetadata, parse
from serving.registry import Version
from serving.server import SEND_BYTES, parts
from serving.tensors import decode
from serving.versions import Versions
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

SIGNATURE = [TensorMetadata(name="x", datatype="FP32", shape=[-1, 2])]


CONTENT = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}


def tensor(**changes: object) -> RequestInput:
    decoded: RequestInput = parse(Decoder(RequestInput), json.dumps(CONTENT | changes).encode())
    return decoded


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
            "input 'x': the batch is empty: shape is [0, 2]; send at least one element": [
                tensor(shape=[0, 2], data=[])
            ],
            "input 'x': shape [2, 2] needs 4 elements, data has 3": [tensor(shape=[2, 2], data=[1, 2, 3])],
            "input 'x': data is nested as [2, 2], but shape is [1, 2]": [tensor(data=[[1, 2], [3, 4]])],
            "input 'x': data: Expected `array` of length >= 2 - at `$[0]`": [tensor(data=[[1], [2]])],
            "input 'x': data: Expected `float`, got `str` - at `$[0]`": [tensor(data=["1", 2])],
            "input 'x': data: Expected `float`, got `bool` - at `$[1]`": [tensor(data=[1, True])],
            "input 'x': data: Expected `float`, got `array` - at `$[0][0]`": [tensor(data=[[[1, 2]]])],
            "input 'x': element 0 is not a finite number of the datatype's range": [tensor(data=[1e39, 1])],
        }
        for reason, tensors in cases.items():
            with self.subTest(reason), self.assertRaises(InvalidRequest) as refused:
                decode(tensors, SIGNATURE)
            self.assertEqual(str(refused.exception), reason)

    def test_ragged_data_is_refused(self) -> None:
        with self.assertRaises(InvalidRequest):
            decode([tensor(shape=[2, 2], data=[[1, 2, 3], [4]])], SIGNATURE)

    def test_what_is_malformed_is_refused_with_the_reason(self) -> None:
        whole = b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": %s}]}'
        cases = {
            "Input data was truncated": b"{",
            "Object missing required field `inputs`": b"{}",
            "Expected `array` of length >= 1 - at `$.inputs`": b'{"inputs": []}',
            "JSON is malformed: not UTF-8": b'{"id": "\xff", "inputs": []}',
            "JSON is malformed: invalid character (byte 72)": whole % b"[NaN, 0]",
            "JSON is nested too deeply": whole % (b"[" * 100_000 + b"]" * 100_000),
            "Object missing required field `name` - at `$.inputs[0]`": b'{"inputs": [' + b"{}," * 100_000 + b"{}]}",
            "Expected `int` <= 2147483647 - at `$.inputs[0].shape[0]`": whole.replace(b"1,", b"9" * 30 + b",") % b"[]",
        }
        for reason, text in cases.items():
            with self.subTest(reason), self.assertRaises(InvalidRequest) as refused:
                parse(Decoder(InferenceRequest), text)
            self.assertEqual(str(refused.exception), reason)

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
        self.model = load(DOUBLING)

    def test_signature_is_the_graphs_own(self) -> None:
        self.assertEqual(self.model.metadata().inputs, SIGNATURE)

    def test_answers_with_the_version_and_the_requests_id(self) -> None:
        request = {"id": "a", "inputs": [CONTENT | {"data": [1, 2.5]}]}
        status, answer = self.infer(json.dumps(request).encode())
        output = {"name": "y", "shape": [1, 2], "datatype": "FP32", "data": [2, 5]}
        self.assertEqual(status, 200)
        self.assertEqual(answer, {"model_name": "example", "model_version": "7", "id": "a", "outputs": [output]})

    def test_every_refusal_is_json_with_its_reason(self) -> None:
        cases = {
            (400, "Input data was truncated"): (b"{", "example"),
            (404, "unknown model 'other'; this server has example"): (b"{}", "other"),
            (404, "unknown version '8'; this server has 7"): (b"{}", "example/versions/8"),
        }
        for (status, reason), (body, path) in cases.items():
            self.assertEqual(self.infer(body, path), (status, {"error": reason}))

    def infer(self, body: bytes, path: str = "example") -> tuple[int, object]:
        service = Service("example", Metrics("example"))
        service.serve(self.model)
        answer = asyncio.run(post(create_app(service), f"/v2/models/{path}/infer", body))
        return answer.status, json.loads(answer.body)

    def test_unknown_output_is_refused(self) -> None:
        request = InferenceRequest(inputs=[tensor()], outputs=[RequestOutput(name="z")])
        with self.assertRaisesRegex(InvalidRequest, "unknown output 'z'; the model has y"):
            self.model.prepare(request)

    def test_an_output_is_encoded_once(self) -> None:
        request = InferenceRequest(inputs=[tensor()], outputs=[RequestOutput(name="y")] * 2)
        with self.assertRaisesRegex(InvalidRequest, "output 'y' is requested more than once"):
            self.model.prepare(request)


def upload(*chunks: bytes, ends: bool = True, length: int | None = None) -> Request:
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if ends:
        messages.append({"type": "http.request"})

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


class Admitting(unittest.TestCase):
    def setUp(self) -> None:
        self.admission = Admission(Limits(request_bytes=10, requests=2))

    def read(self, request: Request) -> bytes:
        with self.admission.buffer() as buffer:
            return asyncio.run(read_body(request, self.admission.limits, buffer))

    def refusal(self, request: Request) -> int:
        with self.assertRaises(HTTPException) as refused:
            self.read(request)
        return refused.exception.status_code

    def test_a_body_of_the_limit_is_read_and_a_larger_one_is_refused(self) -> None:
        self.assertEqual(self.read(upload(b"12345", b"67890")), b"1234567890")
        self.assertEqual(self.refusal(upload(b"12345", b"678901")), 413)
        self.assertEqual(self.refusal(upload(b"1", length=11)), 413)

    def test_a_body_that_does_not_arrive_is_refused(self) -> None:
        with patch("serving.limits.BODY_SECONDS", 0.01):
            self.assertEqual(self.refusal(upload(b"1", ends=False)), 408)

    def test_large_bodies_and_responses_share_a_bounded_buffer(self) -> None:
        large = 2 * LARGE_BYTES
        admission = Admission(Limits(request_bytes=large, requests=2))
        with admission.buffer() as first, admission.buffer() as second, admission.buffer() as small:
            first.resize(7 * large)
            second.resize(large)
            small.resize(LARGE_BYTES)
            with self.assertRaises(HTTPException) as refused, admission.buffer() as third:
                third.resize(LARGE_BYTES + 1)
            self.assertEqual(refused.exception.status_code, 429)
        with admission.buffer() as first:
            first.resize(large)
            first.resize(100 * large)
        self.assertEqual(admission.buffered, 0)

    def test_no_more_requests_are_answered_at_once_than_declared(self) -> None:
        with self.admission.answering(), self.admission.answering():
            with self.assertRaises(HTTPException) as refused, self.admission.answering():
                pass
            self.assertEqual((refused.exception.status_code, refused.exception.headers), (429, {"Retry-After": "1"}))
        with self.admission.answering():
            pass

    def test_a_large_response_is_sent_in_parts(self) -> None:
        whole = {"type": "http.response.body", "body": b"1" * (2 * SEND_BYTES + 1)}
        sent = [(len(part["body"]), part["more_body"]) for part in parts(whole)]
        self.assertEqual(sent, [(SEND_BYTES, True), (SEND_BYTES, True), (1, False)])
        self.assertEqual(parts({"type": "http.response.start"}), [{"type": "http.response.start"}])


class Following(unittest.TestCase):
    """The alias is polled; the registry is a stand-in that names one version after another."""

    def setUp(self) -> None:
        self.service = Service("double", Metrics("double"))
        self.versions = Versions(self.service, "models:/double@champion")
        self.enterContext(patch("serving.versions.MlflowClient"))
        self.resolve = self.enterContext(patch.object(registry, "resolve"))
        self.load = self.enterContext(patch.object(registry, "load"))

    def names(self, version: str, *, broken: bool = False) -> None:
        self.resolve.side_effect = [Version("double", version, "run", 1.5)]
        self.load.side_effect = [registry.ModelUnavailable("broken")] if broken else [self.model(version)]
        self.versions.update()

    def model(self, version: str) -> Model:
        model = create_autospec(Model, instance=True, unbatched=None)
        model.identity = Identity("double", version, "models:/double@champion", "run", 1.5)
        return model

    def served(self) -> str | None:
        return self.service.model.identity.version if self.service.model else None

    def sample(self, name: str, **labels: str) -> float | None:
        return self.service.metrics.registry.get_sample_value(name, labels)

    def test_without_a_version_the_server_is_ready_and_the_model_is_not(self) -> None:
        self.resolve.side_effect = registry.NoVersion("no such version yet")
        self.versions.update()
        self.assertTrue(self.service.ready)
        self.assertEqual((self.served(), self.service.waiting), (None, "no such version yet"))
        self.assertEqual(self.sample("inference_model_loaded", model="double"), 0)
        self.names("1")
        self.assertEqual((self.served(), self.service.waiting), ("1", None))
        self.assertEqual(self.sample("inference_model_loaded", model="double"), 1)

    def test_a_fixed_version_that_is_missing_ends_the_server_unless_it_serves_it_already(self) -> None:
        versions = Versions(self.service, "models:/double/7")
        self.resolve.side_effect = registry.NoVersion("no such version yet")
        with self.assertRaisesRegex(registry.ModelUnavailable, "no such version yet"):
            versions.update()
        self.names("7")
        self.resolve.side_effect = registry.NoVersion("deleted")
        versions.update()
        self.assertEqual(self.served(), "7")

    def test_the_alias_is_followed_to_another_version_and_back(self) -> None:
        for version in ("1", "2", "1"):
            self.names(version)
            self.assertEqual(self.served(), version)
        labels = {"model": "double", "uri": "models:/double@champion", "run_id": "run"}
        self.assertEqual(self.sample("inference_model_info", version="1", **labels), 1)
        self.assertIsNone(self.sample("inference_model_info", version="2", **labels))

    def test_a_version_that_is_served_is_not_loaded_again(self) -> None:
        self.names("1")
        self.resolve.side_effect, self.load.side_effect = [Version("double", "1", "run", 1.5)], AssertionError
        self.versions.update()

    def test_a_first_version_that_is_broken_ends_the_server(self) -> None:
        with self.assertRaises(registry.ModelUnavailable):
            self.names("1", broken=True)

    def test_a_later_one_is_counted_and_the_served_one_stays(self) -> None:
        self.names("1")
        self.names("2", broken=True)
        self.assertEqual(self.served(), "1")
        self.assertEqual(self.sample("inference_model_load_failures_total"), 1)


class Counting(unittest.TestCase):
    def test_failures_are_counted_before_there_is_one(self) -> None:
        metrics = Metrics("digits")
        metrics.serves(Identity("digits", "3", "models:/digits@champion", "r", 1.5))
        for code in ("200", "500", "503"):
            labels = {"model": "digits", "version": "3", "code": code}
            self.assertEqual(metrics.registry.get_sample_value("inference_requests_total", labels), 0, code)
            self.assertEqual(
                metrics.registry.get_sample_value("inference_request_duration_seconds_count", labels), 0, code
            )


class UsageByCaller(unittest.TestCase):
    def setUp(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.names = Path(folder, "names")
        self.names.write_text("ci\nweb\n")
        self.service = Service("example", Metrics("example", str(self.names)))
        self.service.serve(load(DOUBLING))

    def ask(self, **headers: object) -> int:
        body = json.dumps({"inputs": [CONTENT]}).encode()
        return asyncio.run(post(create_app(self.service), "/v2/models/example/infer", body, **headers)).status

    def counted(self, caller: str, key: str, code: int = 200) -> float | None:
        labels = {"caller": caller, "key": key, "model": "example", "code": str(code)}
        return self.service.metrics.registry.get_sample_value("inference_caller_requests_total", labels)

    def test_a_request_is_counted_by_the_caller_s_name_and_by_which_of_its_keys_it_sent(self) -> None:
        self.assertEqual((self.counted("web", "current"), self.counted("web", "previous")), (0, 0))
        for sent in ("ci", "ci", "ci.previous", "ci.next"):
            self.assertEqual(self.ask(x_caller=sent), 200)
        self.service.draining, self.service.runner = True, None
        self.assertEqual(self.ask(x_caller="ci"), 503)
        counted = [self.counted("ci", key) for key in ("current", "previous", "next")]
        self.assertEqual((counted, self.counted("ci", "current", 503)), ([2, 1, 1], 1))
        self.assertEqual(self.counted("web", "current"), 0)

    def test_what_nobody_has_declared_makes_no_series(self) -> None:
        for headers in ({}, {"x_caller": "forged"}, {"x_caller": "ci.forged"}, {"x_caller": "web.previous.x"}):
            self.ask(**headers)
        self.assertEqual(self.counted("", ""), 4)
        self.assertNotIn(b"forged", self.service.metrics.page().body)

    def test_names_that_change_while_it_runs_are_known_from_the_next_scrape_on(self) -> None:
        self.names.write_text("ci\nnew\n")
        self.service.metrics.page()
        self.assertEqual(self.counted("new", "current"), 0)
        self.ask(x_caller="new")
        self.ask(x_caller="web")
        self.assertEqual(
            [self.counted(*each) for each in (("new", "current"), ("web", "current"), ("", ""))], [1, 0, 1]
        )
        self.names.unlink()
        self.service.metrics.page()
        self.ask(x_caller="new")
        self.assertEqual(self.counted("new", "current"), 2)

    def test_without_callers_there_is_no_such_metric(self) -> None:
        self.service.metrics = Metrics("example")
        self.assertEqual(self.ask(x_caller="ci"), 200)
        self.assertNotIn(b"caller", self.service.metrics.page().body)


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
        self.assertEqual(registry.resolve(client, "models:/digits@champion"), Version("digits", "3", "r", 1.5))

    def test_an_alias_that_is_not_set_yet_is_no_failure(self) -> None:
        for error in (
            MlflowException("Registered model alias champion not found.", INVALID_PARAMETER_VALUE),
            MlflowException("Registered Model with name=digits not found", RESOURCE_DOES_NOT_EXIST),
            MlflowException("API request to endpoint x failed with error code 403 != 200.", PERMISSION_DENIED),
        ):
            client = create_autospec(MlflowClient, instance=True)
            client.get_model_version_by_alias.side_effect = error
            with self.subTest(str(error)), self.assertRaisesRegex(registry.NoVersion, "no such version yet"):
                registry.resolve(client, "models:/digits@champion")

    def test_any_other_error_is_one(self) -> None:
        client = create_autospec(MlflowClient, instance=True)
        client.get_model_version_by_alias.side_effect = MlflowException("no", INVALID_PARAMETER_VALUE)
        with self.assertRaises(registry.ModelUnavailable):
            registry.resolve(client, "models:/digits@champion")

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
