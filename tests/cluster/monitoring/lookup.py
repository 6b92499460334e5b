"""A model that fails by itself: it looks words up in a table, also those that aren't there."""

from __future__ import annotations

import base64
from typing import Any

import onnx
import onnx.parser

KNOWN, UNKNOWN = 1, 9
_GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
lookup (int64[N] word) => (float[N, 1] meaning)
<float[3, 1] table = {0.1, 0.2, 0.3}>
{ meaning = Gather <axis = 0> (table, word) }
"""


def model() -> str:
    """The graph's file, in text."""
    return base64.b64encode(onnx.parser.parse_model(_GRAPH).SerializeToString()).decode()


def question(word: int) -> dict[str, Any]:
    """As the Open Inference Protocol has it."""
    return {"inputs": [{"name": "word", "datatype": "INT64", "shape": [1], "data": [word]}]}
