"""Whether a model computes each row by itself, so that a row's result is the same in any batch.

A free first dimension does not say so: it may be that of a sequence, or a node may compute with all rows, such as
dynamic quantization, whose scale is that of the largest value. So the model is run with generated rows, alone and
together.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from serving.call import Call, join, split
from serving.datatypes import DATATYPES, Array
from serving.protocol import TensorMetadata
from serving.tensors import ANY_SIZE

FREE_SIZE = 32
"""Of free dimensions other than the first."""
LARGEST_ROW = 2**20
"""Elements; larger rows are not generated, and there is little to gain by batching them."""
TOLERANCE = 1e-4
"""Of the largest value: ONNX Runtime adds the products of a matrix multiplication in another order for other sizes."""
HALF_TOLERANCE = 1e-2
"""Of values with 16 bits."""

Run = Callable[[Call], list[Array]]


def why_dependent(run: Run, inputs: Sequence[TensorMetadata], outputs: Sequence[TensorMetadata]) -> str | None:
    """None if rows are independent."""
    fixed = [tensor.name for tensor in [*inputs, *outputs] if tensor.shape[:1] != [ANY_SIZE]]
    if fixed:
        return f"the first dimension of '{fixed[0]}' is not free"
    large = [tensor.name for tensor in inputs if math.prod(row_shape(tensor)) > LARGEST_ROW]
    if large:
        return f"a row of '{large[0]}' has more than {LARGEST_ROW} elements"
    random, names = np.random.default_rng(0), [output.name for output in outputs]
    # One row has its own code in ONNX Runtime; rows of another magnitude show a scale that is shared.
    calls = [
        Call(names, {tensor.name: generate(random, tensor, rows, scale) for tensor in inputs})
        for rows, scale in ((1, 1), (2, 4))
    ]
    try:
        alone, together = [run(call) for call in calls], split(run(join(calls)), (1, 2))
    except Exception:  # ONNX Runtime's errors have no common type.
        return "it can't be run with generated inputs"
    same = all(equal(*pair) for pairs in zip(alone, together, strict=True) for pair in zip(*pairs, strict=True))
    return None if same else "the result of a row depends on the other rows"


def row_shape(tensor: TensorMetadata) -> list[int]:
    return [FREE_SIZE if size == ANY_SIZE else size for size in tensor.shape[1:]]


def generate(random: np.random.Generator, tensor: TensorMetadata, rows: int, scale: int) -> Array:
    """Integers are 0 and 1, which are in any vocabulary."""
    kind, shape = DATATYPES[tensor.datatype].numpy, [rows, *row_shape(tensor)]
    if np.issubdtype(kind, np.floating):
        return np.asarray(random.standard_normal(shape) * scale, kind)
    bits = random.integers(0, 2, shape)
    return bits.astype(str).astype(object) if kind is object else bits.astype(kind)


def equal(one: Array, other: Array) -> bool:
    """But for rounding."""
    if not np.issubdtype(one.dtype, np.floating):
        return np.array_equal(one, other)
    relative = HALF_TOLERANCE if one.dtype.itemsize == 2 else TOLERANCE
    largest = np.max(np.abs(one), initial=0, where=np.isfinite(one))
    return np.allclose(one, other, rtol=0, atol=relative * float(largest), equal_nan=True)
