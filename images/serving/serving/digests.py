"""Digests of a model's outputs, by which servers compare answers without sending them.

Floating-point numbers are rounded first: the same model gives other last digits in another batch or on another CPU.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from serving.binary import encode_bytes
from serving.datatypes import Array

SIGNIFICANT_BITS, DECIMALS = 10, 6
"""What is compared of a floating-point number: about three significant digits, and none beyond the sixth decimal."""
BYTES = 8
BLOCK = 2**16
"""Elements: rounding takes memory for so many of them at a time."""


def digests(names: Sequence[str], outputs: Sequence[Array]) -> dict[str, str]:
    """By the name of the output."""
    return {name: digest(output) for name, output in zip(names, outputs, strict=True)}


def digest(output: Array) -> str:
    """Of datatype, shape and elements."""
    found = blake2b(f"{output.dtype.str} {output.shape}".encode(), digest_size=BYTES)
    elements = output.reshape(-1)
    for begin in range(0, elements.size, BLOCK):
        found.update(encode_bytes(rounded(elements[begin : begin + BLOCK])))
    return found.hexdigest()


def rounded(elements: Array) -> Array:
    """Elements of other datatypes stay as they are."""
    if elements.dtype.kind != "f":
        return elements
    with np.errstate(all="ignore"):
        mantissas, exponents = np.frexp(np.rint(elements * np.float64(10**DECIMALS)))
        found: Array = np.ldexp(np.rint(mantissas * 2**SIGNIFICANT_BITS), exponents)
    found[np.isnan(found)] = np.nan  # one of many
    return found + 0.0  # and no -0.0
