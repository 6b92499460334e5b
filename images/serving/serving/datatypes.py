"""The protocol's datatypes, with their names in ONNX and NumPy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


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
