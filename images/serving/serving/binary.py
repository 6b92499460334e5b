"""Tensors as bytes, as the protocol's binary tensor data extension has them: little-endian, in row-major order.

ONNX Runtime's platforms are little-endian, too. Unlike JSON, bytes carry NaN and infinities.
"""

import math

import msgspec
import numpy as np

from serving.datatypes import DATATYPES, Array
from serving.protocol import InvalidRequest

LENGTH_BYTES = 4
"""Before each element of BYTES."""


def decode_bytes(data: msgspec.Raw, datatype: str, shape: list[int], where: str) -> Array:
    """The elements, one after the other."""
    if datatype == "BYTES":
        return np.array(decode_strings(memoryview(data), where), dtype=object)
    kind = np.dtype(DATATYPES[datatype].numpy)
    size, needed = len(memoryview(data)), math.prod(shape) * kind.itemsize
    if size != needed:
        raise InvalidRequest(f"{where}: shape {shape} of {datatype} needs {needed} bytes, binary_data_size is {size}")
    if datatype == "BOOL":
        refuse_other_than_booleans(np.frombuffer(data, np.uint8), where)
    # Copied only where the JSON before it leaves it at an odd address.
    return np.require(np.frombuffer(data, kind), requirements=["ALIGNED"])


def refuse_other_than_booleans(values: Array, where: str) -> None:
    wrong = np.flatnonzero(values > 1)
    if wrong.size:
        raise InvalidRequest(f"{where}: element {wrong[0]} is neither 0 nor 1")


def decode_strings(data: memoryview, where: str) -> list[str]:
    strings: list[str] = []
    end = 0
    while end < len(data):
        begin = end + LENGTH_BYTES
        end = begin + int.from_bytes(data[end:begin], "little")
        if max(begin, end) > len(data):
            raise InvalidRequest(f"{where}: element {len(strings)} is longer than the rest of the data")
        try:
            strings.append(str(data[begin:end], "utf-8"))
        except UnicodeDecodeError:
            raise InvalidRequest(f"{where}: element {len(strings)} is not UTF-8") from None
    return strings


def encode_bytes(array: Array) -> bytes:
    if array.dtype != object:
        return array.tobytes()
    texts = [text.encode() for text in array.reshape(-1).tolist()]
    return b"".join(len(text).to_bytes(LENGTH_BYTES, "little") + text for text in texts)
