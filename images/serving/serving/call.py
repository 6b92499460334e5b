"""What a model is run with for one request, and for several at once: joined along the first dimension."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from serving.datatypes import Array


@dataclass(frozen=True)
class Call:
    """Names of the outputs, and arrays of all inputs in the model's order."""

    outputs: list[str]
    inputs: dict[str, Array]

    @property
    def rows(self) -> int | None:
        """The size of the first dimension, if the inputs agree in it."""
        sizes = {len(array) for array in self.inputs.values() if array.ndim}
        return sizes.pop() if len(sizes) == 1 else None

    @property
    def size(self) -> int:
        """Bytes of the inputs."""
        return sum(array.nbytes for array in self.inputs.values())

    @property
    def kind(self) -> object:
        """Equal for calls that can be joined."""
        return tuple(self.outputs), tuple(array.shape[1:] for array in self.inputs.values())


def join(calls: Sequence[Call]) -> Call:
    """Of one kind."""
    first = calls[0]
    return Call(first.outputs, {name: np.concatenate([call.inputs[name] for call in calls]) for name in first.inputs})


def split(arrays: Sequence[Array], rows: Sequence[int]) -> list[list[Array]]:
    """The outputs of a joined call, for each of the calls."""
    ends = list(accumulate(rows))
    for array in arrays:
        if array.ndim == 0 or len(array) != ends[-1]:
            raise ValueError(f"an output has the shape {array.shape} for {ends[-1]} rows")
    return [[array[end - size : end] for array in arrays] for size, end in zip(rows, ends, strict=True)]
