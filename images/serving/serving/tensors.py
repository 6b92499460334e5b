"""Between the protocol's tensors and NumPy arrays; what does not fit the model's signature is refused here."""

import math
import re
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from msgspec.json import Decoder

from serving.binary import decode_bytes, encode_bytes
from serving.datatypes import DATATYPES, Array
from serving.protocol import BinaryData, InvalidRequest, RequestInput, ResponseOutput, TensorMetadata, parse

ANY_SIZE = -1
_NESTED = re.compile(rb"\s*\[\s*\[")


def decode(tensors: list[RequestInput], signature: list[TensorMetadata]) -> dict[str, Array]:
    """The model's inputs by name, in its order, or InvalidRequest that says what to change."""
    given = {tensor.name: tensor for tensor in tensors}
    expected = {tensor.name: tensor for tensor in signature}
    names = ", ".join(expected)
    for tensor in tensors:
        if tensor.name not in expected:
            raise InvalidRequest(f"unknown input '{tensor.name}'; the model takes {names}")
        if given[tensor.name] is not tensor:
            raise InvalidRequest(f"input '{tensor.name}' is given more than once")
    missing = [name for name in expected if name not in given]
    if missing:
        raise InvalidRequest(f"missing input '{missing[0]}'; the model takes {names}")
    return {name: decode_tensor(given[name], tensor) for name, tensor in expected.items()}


def decode_tensor(tensor: RequestInput, expected: TensorMetadata) -> Array:
    where = f"input '{tensor.name}'"
    if tensor.datatype != expected.datatype:
        raise InvalidRequest(f"{where}: datatype is {tensor.datatype}, the model takes {expected.datatype}")
    if not fits(tensor.shape, expected.shape):
        raise InvalidRequest(f"{where}: shape is {tensor.shape}, the model takes {expected.shape} (-1: any number)")
    if 0 in tensor.shape:
        what = "batch" if tensor.shape[0] == 0 else "tensor"
        raise InvalidRequest(f"{where}: the {what} is empty: shape is {tensor.shape}; send at least one element")
    if tensor.binary_size is None:
        array = decode_elements(tensor.data, expected, where)
    else:
        array = decode_bytes(tensor.data, expected.datatype, tensor.shape, where)
    if array.ndim > 1 and list(array.shape) != tensor.shape:
        raise InvalidRequest(f"{where}: data is nested as {list(array.shape)}, but shape is {tensor.shape}")
    if array.size != math.prod(tensor.shape):
        raise InvalidRequest(
            f"{where}: shape {tensor.shape} needs {math.prod(tensor.shape)} elements, data has {array.size}"
        )
    return array.reshape(tensor.shape)


def fits(shape: list[int], expected: list[int]) -> bool:
    return len(shape) == len(expected) and all(
        wanted in (size, ANY_SIZE) for size, wanted in zip(shape, expected, strict=True)
    )


def decode_elements(data: msgspec.Raw, expected: TensorMetadata, where: str) -> Array:
    """Flat or nested as the model's shape; the protocol allows both."""
    nested = _NESTED.match(data) is not None
    decoder = elements_decoder(expected.datatype, tuple(expected.shape[1:]) if nested else ())
    elements: list[Any] = parse(decoder, data, f"{where}: data: ")
    try:
        with np.errstate(over="ignore"):
            array = np.array(elements, dtype=DATATYPES[expected.datatype].numpy)
    except OverflowError:
        raise InvalidRequest(f"{where}: an element is out of the datatype's range") from None
    except ValueError:
        raise InvalidRequest(f"{where}: data is not nested evenly") from None
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        index = int(np.flatnonzero(~np.isfinite(array))[0])
        raise InvalidRequest(f"{where}: element {index} is not a finite number of the datatype's range")
    return array


@lru_cache
def elements_decoder(datatype: str, inner: tuple[int, ...]) -> Decoder[list[Any]]:
    """Knows the sizes of inner lists, so that the first one of another size ends the decoding."""
    element: Any = DATATYPES[datatype].json
    for size in reversed(inner):
        sizes = None if size == ANY_SIZE else size
        element = Annotated[list[element], Meta(min_length=sizes, max_length=sizes)]
    return Decoder(list[element])


def encode_json(array: Array, metadata: TensorMetadata) -> ResponseOutput:
    """A result that is not a finite number becomes null."""
    shape, data = list(array.shape), array.reshape(-1).tolist()
    return ResponseOutput(name=metadata.name, shape=shape, datatype=metadata.datatype, data=data)


def encode_binary(array: Array, metadata: TensorMetadata) -> tuple[ResponseOutput, bytes]:
    shape, data = list(array.shape), encode_bytes(array)
    parameters = BinaryData(binary_data_size=len(data))
    return ResponseOutput(name=metadata.name, shape=shape, datatype=metadata.datatype, parameters=parameters), data
