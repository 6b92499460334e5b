"""Between the protocol's JSON tensors and NumPy arrays; what does not fit the model's signature is refused here."""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from msgspec.json import Decoder
from numpy.typing import NDArray

from serving.protocol import RequestInput, ResponseOutput, TensorMetadata

Array = NDArray[Any]
ANY_SIZE = -1
_NESTED = re.compile(rb"\s*\[\s*\[")


class InvalidRequest(Exception):
    """The client's mistake; its text goes into the answer."""


@dataclass(frozen=True)
class Datatype:
    """One kind of element: its names in ONNX and NumPy, and the Python type of its JSON values."""

    onnx: str
    numpy: type[np.generic] | type[object]
    json: type[object]


DATATYPES = {
    "BOOL": Datatype("tensor(bool)", np.bool_, bool),
    "BYTES": Datatype("tensor(string)", object, str),
    "FP16": Datatype("tensor(float16)", np.float16, float),
    "FP32": Datatype("tensor(float)", np.float32, float),
    "FP64": Datatype("tensor(double)", np.float64, float),
    "INT8": Datatype("tensor(int8)", np.int8, int),
    "INT16": Datatype("tensor(int16)", np.int16, int),
    "INT32": Datatype("tensor(int32)", np.int32, int),
    "INT64": Datatype("tensor(int64)", np.int64, int),
    "UINT8": Datatype("tensor(uint8)", np.uint8, int),
    "UINT16": Datatype("tensor(uint16)", np.uint16, int),
    "UINT32": Datatype("tensor(uint32)", np.uint32, int),
    "UINT64": Datatype("tensor(uint64)", np.uint64, int),
}
NAME_OF_ONNX_TYPE = {datatype.onnx: name for name, datatype in DATATYPES.items()}


def parse(decoder: Decoder[Any], text: bytes | msgspec.Raw, where: str = "") -> Any:
    """JSON of the decoder's type, or InvalidRequest that says what is wrong and where."""
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"{where}{error}") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{where}JSON is malformed: not UTF-8") from None
    except RecursionError:
        raise InvalidRequest(f"{where}JSON is nested too deeply") from None


def decode(tensors: list[RequestInput], signature: list[TensorMetadata]) -> dict[str, Array]:
    """The model's inputs by name, or InvalidRequest that says what to change."""
    given = [tensor.name for tensor in tensors]
    expected = {tensor.name: tensor for tensor in signature}
    names = ", ".join(expected)
    for name in given:
        if name not in expected:
            raise InvalidRequest(f"unknown input '{name}'; the model takes {names}")
        if given.count(name) > 1:
            raise InvalidRequest(f"input '{name}' is given more than once")
    missing = [name for name in expected if name not in given]
    if missing:
        raise InvalidRequest(f"missing input '{missing[0]}'; the model takes {names}")
    return {tensor.name: decode_tensor(tensor, expected[tensor.name]) for tensor in tensors}


def decode_tensor(tensor: RequestInput, expected: TensorMetadata) -> Array:
    where = f"input '{tensor.name}'"
    if tensor.datatype != expected.datatype:
        raise InvalidRequest(f"{where}: datatype is {tensor.datatype}, the model takes {expected.datatype}")
    if not fits(tensor.shape, expected.shape):
        raise InvalidRequest(f"{where}: shape is {tensor.shape}, the model takes {expected.shape} (-1: any number)")
    if 0 in tensor.shape:
        what = "batch" if tensor.shape[0] == 0 else "tensor"
        raise InvalidRequest(f"{where}: the {what} is empty: shape is {tensor.shape}; send at least one element")
    array = decode_elements(tensor.data, expected, where)
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


def encode(name: str, array: Array, metadata: TensorMetadata) -> ResponseOutput:
    return ResponseOutput(
        name=name, shape=list(array.shape), datatype=metadata.datatype, data=array.reshape(-1).tolist()
    )
