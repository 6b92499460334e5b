"""The bodies of an inference request and of its response: JSON, and after it any tensors in binary."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec.json import Decoder, encode

from serving.protocol import InferenceRequest, InferenceResponse, InvalidRequest, RequestInput, parse

JSON_SIZE = "Inference-Header-Content-Length"
"""The header with the size of the JSON; without it, the whole body is JSON."""
_DIGITS = 19
_REQUEST = Decoder(InferenceRequest)


@dataclass(frozen=True)
class Body:
    """Of a response. `json_size` is None if all of it is JSON."""

    content: bytes
    json_size: int | None = None


def read_request(body: bytes, json_size: str | None) -> InferenceRequest:
    """Each input has its data, in JSON or in binary; whether it fits its shape is for `tensors` to say."""
    size = size_of_json(body, json_size)
    request: InferenceRequest = parse(_REQUEST, body[:size])
    binary = memoryview(body)[size:]
    for tensor in request.inputs:
        require_one_kind_of_data(tensor, has_header=json_size is not None)
    total = sum(tensor.binary_size or 0 for tensor in request.inputs)
    if total != len(binary):
        raise InvalidRequest(f"binary_data_size of all inputs is {total}, but {len(binary)} bytes follow the JSON")
    begin = 0
    for tensor in request.inputs:
        if tensor.binary_size is not None:
            tensor.data = msgspec.Raw(binary[begin : begin + tensor.binary_size])
            begin += tensor.binary_size
    return request


def size_of_json(body: bytes, json_size: str | None) -> int:
    if json_size is None:
        return len(body)
    if not (json_size.isascii() and json_size.isdigit() and len(json_size) <= _DIGITS):
        raise InvalidRequest(f"{JSON_SIZE} is not a number of bytes")
    size = int(json_size)
    if size > len(body):
        raise InvalidRequest(f"{JSON_SIZE} is {size}, but the body has {len(body)} bytes")
    return size


def require_one_kind_of_data(tensor: RequestInput, has_header: bool) -> None:
    where, in_json = f"input '{tensor.name}'", bool(tensor.data)
    if tensor.binary_size is None and not in_json:
        raise InvalidRequest(f"{where}: has neither data nor the parameter binary_data_size")
    if tensor.binary_size is not None and in_json:
        raise InvalidRequest(f"{where}: has both data and the parameter binary_data_size; send one of them")
    if tensor.binary_size is not None and not has_header:
        raise InvalidRequest(f"{where}: binary_data_size needs the header {JSON_SIZE}")


def write_response(response: InferenceResponse, binary: Sequence[bytes]) -> Body:
    text: bytes = encode(response)
    return Body(b"".join([text, *binary]), len(text)) if binary else Body(text)
