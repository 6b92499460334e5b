"""The protocol's binary tensor data extension."""

import asyncio
import json
import struct
import unittest

import numpy as np
from asgi import Answer, post
from example_models import DOUBLING, TEXT, load
from serving.app import Service, create_app
from serving.limits import LARGE_BYTES, Admission, Limits
from serving.metrics import Metrics
from serving.model import Model

INPUT: dict[str, object] = {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
ROW = struct.pack("<2f", 1, 2.5)


def strings(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def infer(
    model: Model,
    message: dict[str, object],
    binary: bytes = b"",
    json_size: object = None,
    padding: int = 0,
    limits: Limits | None = None,
) -> Answer:
    service = Service("example", Metrics("example"), admission=Admission(limits or Limits()))
    service.serve(model)
    text = json.dumps(message).encode() + b" " * padding
    size = len(text) if json_size is None else json_size
    path = "/v2/models/example/infer"
    return asyncio.run(post(create_app(service), path, text + binary, inference_header_content_length=size))


def parts(answer: Answer) -> tuple[list[dict[str, object]], bytes]:
    """The outputs in JSON, and the bytes after them."""
    size = int(answer.headers["inference-header-content-length"])
    outputs: list[dict[str, object]] = json.loads(answer.body[:size])["outputs"]
    return outputs, answer.body[size:]


class Binary(unittest.TestCase):
    def setUp(self) -> None:
        self.doubling, self.text = load(DOUBLING), load(TEXT)

    def test_a_binary_input_is_the_same_as_one_in_json(self) -> None:
        for padding in range(4):
            with self.subTest(f"{padding} bytes more before it"):
                answer = infer(self.doubling, {"inputs": [INPUT]}, ROW, padding=padding)
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(answer.headers["content-type"], "application/json")
                self.assertEqual(json.loads(answer.body)["outputs"][0]["data"], [2, 5])

    def test_outputs_are_binary_where_the_request_says_so(self) -> None:
        every: dict[str, object] = {"parameters": {"binary_data_output": True}}
        one: dict[str, object] = {"outputs": [{"name": "y", "parameters": {"binary_data": True}}]}
        not_this: dict[str, object] = {"outputs": [{"name": "y", "parameters": {"binary_data": False}}]}
        for options, binary in ((every, True), (one, True), (one | every, True), (not_this | every, False)):
            with self.subTest(options):
                answer = infer(self.doubling, {"inputs": [INPUT], **options}, ROW)
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual("inference-header-content-length" in answer.headers, binary)
                if binary:
                    outputs, data = parts(answer)
                    parameters = {"binary_data_size": 8}
                    expected = {"name": "y", "shape": [1, 2], "datatype": "FP32", "parameters": parameters}
                    self.assertEqual(outputs, [expected])
                    self.assertEqual(struct.unpack("<2f", data), (2, 5))
                    self.assertEqual(answer.headers["content-type"], "application/octet-stream")

    def test_texts_and_booleans_come_back_in_the_order_of_the_outputs(self) -> None:
        texts = strings(b"", "ä".encode())
        inputs = [
            {"name": "f", "shape": [2], "datatype": "BOOL", "parameters": {"binary_data_size": 2}},
            {"name": "t", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": len(texts)}},
        ]
        answer = infer(self.text, {"inputs": inputs, "parameters": {"binary_data_output": True}}, b"\1\0" + texts)
        self.assertEqual(answer.status, 200, answer.body)
        outputs, data = parts(answer)
        self.assertEqual([output["name"] for output in outputs], ["u", "g"])
        self.assertEqual(data, texts + b"\0\1")

    def test_json_and_binary_may_be_mixed(self) -> None:
        inputs = [
            {"name": "t", "shape": [1], "datatype": "BYTES", "data": ["a"]},
            {"name": "f", "shape": [1], "datatype": "BOOL", "parameters": {"binary_data_size": 1}},
        ]
        outputs = [{"name": "u", "parameters": {"binary_data": True}}, {"name": "g"}]
        answer = infer(self.text, {"inputs": inputs, "outputs": outputs}, b"\1")
        self.assertEqual(answer.status, 200, answer.body)
        outputs_, data = parts(answer)
        self.assertEqual((data, outputs_[1]["data"]), (strings(b"a"), [False]))

    def test_bytes_carry_values_that_json_has_not(self) -> None:
        row = struct.pack("<2f", float("nan"), float("inf"))
        answer = infer(self.doubling, {"inputs": [INPUT], "parameters": {"binary_data_output": True}}, row)
        np.testing.assert_array_equal(np.frombuffer(parts(answer)[1], np.float32), [np.nan, np.inf])
        self.assertEqual(
            json.loads(infer(self.doubling, {"inputs": [INPUT]}, row).body)["outputs"][0]["data"], [None] * 2
        )

    def test_large_inputs_and_outputs(self) -> None:
        rows = LARGE_BYTES // 4
        data = np.arange(2 * rows, dtype=np.float32)
        tensor = INPUT | {"shape": [rows, 2], "parameters": {"binary_data_size": data.nbytes}}
        answer = infer(self.doubling, {"inputs": [tensor], "parameters": {"binary_data_output": True}}, data.tobytes())
        np.testing.assert_array_equal(np.frombuffer(parts(answer)[1], np.float32), 2 * data)
        texts = strings(*[b"text"] * LARGE_BYTES)
        inputs = [
            {"name": "t", "shape": [LARGE_BYTES], "datatype": "BYTES", "parameters": {"binary_data_size": len(texts)}},
            {"name": "f", "shape": [1], "datatype": "BOOL", "data": [True]},
        ]
        answer = infer(self.text, {"inputs": inputs, "parameters": {"binary_data_output": True}}, texts)
        self.assertEqual(parts(answer)[1], texts + b"\0")

    def test_the_limit_of_the_body_is_that_of_json_and_binary_together(self) -> None:
        size = len(json.dumps({"inputs": [INPUT]})) + len(ROW)
        for limit, status in ((size, 200), (size - 1, 413)):
            limits = Limits(request_bytes=limit)
            self.assertEqual(infer(self.doubling, {"inputs": [INPUT]}, ROW, limits=limits).status, status)

    def test_what_is_wrong_is_refused_with_the_reason(self) -> None:
        size = "Inference-Header-Content-Length"
        in_json = INPUT | {"data": [1, 2], "parameters": {}}
        both = INPUT | {"data": [1, 2]}
        short = INPUT | {"parameters": {"binary_data_size": 4}}
        text = INPUT | {"parameters": {"binary_data_size": "8"}}
        cases: list[tuple[str, dict[str, object], bytes, object]] = [
            (f"{size} is not a number of bytes", INPUT, ROW, "ten"),
            (f"{size} is not a number of bytes", INPUT, ROW, "-1"),
            (f"{size} is not a number of bytes", INPUT, ROW, "9" * 5000),
            (f"{size} is 1000, but the body has 111 bytes", INPUT, ROW, 1000),
            ("Input data was truncated", INPUT, ROW, 20),
            ("input 'x': has both data and the parameter binary_data_size; send one of them", both, ROW, None),
            ("input 'x': has neither data nor the parameter binary_data_size", INPUT | {"parameters": {}}, ROW, None),
            ("binary_data_size of all inputs is 8, but 7 bytes follow the JSON", INPUT, ROW[:-1], None),
            ("binary_data_size of all inputs is 8, but 9 bytes follow the JSON", INPUT, ROW + b"x", None),
            ("binary_data_size of all inputs is 0, but 8 bytes follow the JSON", in_json, ROW, None),
            ("input 'x': shape [1, 2] of FP32 needs 8 bytes, binary_data_size is 4", short, ROW[:4], None),
            ("Expected `int | null`, got `str` - at `$.inputs[0].parameters.binary_data_size`", text, ROW, None),
        ]
        for reason, tensor, binary, json_size in cases:
            with self.subTest(reason):
                answer = infer(self.doubling, {"inputs": [tensor]}, binary, json_size)
                self.assertEqual((answer.status, json.loads(answer.body)), (400, {"error": reason}))

    def test_a_binary_input_needs_the_header(self) -> None:
        service = Service("example", Metrics("example"))
        service.serve(self.doubling)
        body = json.dumps({"inputs": [INPUT]}).encode()
        answer = asyncio.run(post(create_app(service), "/v2/models/example/infer", body))
        reason = "input 'x': binary_data_size needs the header Inference-Header-Content-Length"
        self.assertEqual((answer.status, json.loads(answer.body)), (400, {"error": reason}))

    def test_texts_and_booleans_that_are_malformed_are_refused_with_the_reason(self) -> None:
        cases = {
            "input 't': element 1 is longer than the rest of the data": (strings(b"a") + b"\5\0\0\0b", b"\1\1"),
            "input 't': element 0 is longer than the rest of the data": (b"\0\0", b"\1\1"),
            "input 't': element 0 is not UTF-8": (strings(b"\xff", b""), b"\1\1"),
            "input 't': shape [2] needs 2 elements, data has 1": (strings(b"a"), b"\1\1"),
            "input 'f': element 1 is neither 0 nor 1": (strings(b"a", b"b"), b"\1\2"),
        }
        for reason, (texts, booleans) in cases.items():
            inputs = [
                {"name": "t", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": len(texts)}},
                {"name": "f", "shape": [2], "datatype": "BOOL", "parameters": {"binary_data_size": len(booleans)}},
            ]
            with self.subTest(reason):
                answer = infer(self.text, {"inputs": inputs}, texts + booleans)
                self.assertEqual((answer.status, json.loads(answer.body)), (400, {"error": reason}))


if __name__ == "__main__":
    unittest.main()
