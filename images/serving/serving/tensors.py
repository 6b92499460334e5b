"""Between the protocol's JSON tensors and NumPy arrays; what does not fit the model's signature is refused here."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.protocol import RequestInput, ResponseOutput, TensorMetadata

Array = NDArray[Any]
ANY_SIZE = -1


class InvalidRequest(Exception):
    """The client's mistake; its text goes into the answer."""


def is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    return is_integer(value) or isinstance(value, float)


@dataclass(frozen=True)
class Datatype:
    """One kind of element under its three names, and what JSON value may stand for it."""

    onnx: str
    numpy: type[np.generic] | type[object]
    accepts: Callable[[object], bool]
    description: str


def integers(onnx: str, numpy: type[np.generic]) -> Datatype:
    return Datatype(f"tensor({onnx})", numpy, is_integer, "an integer")


def floats(onnx: str, numpy: type[np.generic]) -> Datatype:
    return Datatype(f"tensor({onnx})", numpy, is_number, "a number")


DATATYPES = {
    "BOOL": Datatype("tensor(bool)", np.bool_, lambda value: isinstance(value, bool), "true or false"),
    "BYTES": Datatype("tensor(string)", object, lambda value: isinstance(value, str), "a string"),
    "FP16": floats("float16", np.float16),
    "FP32": floats("float", np.float32),
    "FP64": floats("double", np.float64),
    "INT8": integers("int8", np.int8),
    "INT16": integers("int16", np.int16),
    "INT32": integers("int32", np.int32),
    "INT64": integers("int64", np.int64),
    "UINT8": integers("uint8", np.uint8),
    "UINT16": integers("uint16", np.uint16),
    "UINT32": integers("uint32", np.uint32),
    "UINT64": integers("uint64", np.uint64),
}
NAME_OF_ONNX_TYPE = {datatype.onnx: name for name, datatype in DATATYPES.items()}


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
    elements = np.array(tensor.data, dtype=object)
    if elements.ndim > 1 and list(elements.shape) != tensor.shape:
        raise InvalidRequest(f"{where}: data is nested as {list(elements.shape)}, but shape is {tensor.shape}")
    if elements.size != math.prod(tensor.shape):
        raise InvalidRequest(
            f"{where}: shape {tensor.shape} needs {math.prod(tensor.shape)} elements, data has {elements.size}"
        )
    return cast(elements.reshape(tensor.shape), DATATYPES[tensor.datatype], where)


def fits(shape: list[int], expected: list[int]) -> bool:
    """An empty tensor fits nothing: there is no answer to no question."""
    return len(shape) == len(expected) and all(
        size > 0 and wanted in (size, ANY_SIZE) for size, wanted in zip(shape, expected, strict=True)
    )


def cast(elements: Array, datatype: Datatype, where: str) -> Array:
    for index, value in enumerate(elements.flat):
        if not datatype.accepts(value):
            raise InvalidRequest(f"{where}: element {index} is not {datatype.description}")
    try:
        with np.errstate(over="ignore"):
            array = elements.astype(datatype.numpy)
    except OverflowError:
        raise InvalidRequest(f"{where}: an element is out of the datatype's range") from None
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        index = int(np.flatnonzero(~np.isfinite(array))[0])
        raise InvalidRequest(f"{where}: element {index} is not a finite number of the datatype's range")
    return array


def encode(name: str, array: Array, metadata: TensorMetadata) -> ResponseOutput:
    return ResponseOutput(
        name=name, shape=list(array.shape), datatype=metadata.datatype, data=array.reshape(-1).tolist()
    )
