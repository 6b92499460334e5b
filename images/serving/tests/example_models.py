"""Small ONNX models. The image has no library that could write one, so they are here as bytes."""

import tempfile
from base64 import b64decode
from pathlib import Path

from serving.model import Identity, Model

IDENTITY = Identity("example", "7", "models:/example@champion", "run", 0.0)

# y = x + x, both float [n, 2].
DOUBLING = b64decode(
    "CAg6RAoOCgF4CgF4EgF5IgNBZGQSBmRvdWJsZVoUCgF4Eg8KDQgBEgkKAxIBbgoCCAJiFAoBeRIPCg0IARIJCgMSAW4KAggCQgQKABAO"
)

# The same with [1, 2].
FIXED = b64decode(
    "CAgSADo9Cg4KAXgKAXgSAXkiA0FkZBIBZ1oTCgF4Eg4KDAgBEggKAggBCgIIAmITCgF5Eg4KDAgBEggKAggBCgIIAkIECgAQDg=="
)

# y = softmax of x along the first dimension, float [n, 2].
ACROSS_ROWS = b64decode(
    "CAgSADpNChwKAXgSAXkiB1NvZnRtYXgqCwoEYXhpcxgAoAECEgFnWhQKAXgSDwoNCAESCQoDEgFuCgIIAmIUCgF5Eg8KDQgBEgkKAxIBbgoCCAJC"
    "BAoAEA4="
)

# y = x with 8 bits, whose scale is that of all rows, float [n, 2].
QUANTIZED = b64decode(
    "CAgSADp0CiMKAXgSAXESAXMSAXoiFUR5bmFtaWNRdWFudGl6ZUxpbmVhcgoeCgFxCgFzCgF6EgF5IhBEZXF1YW50aXplTGluZWFyEgFnWhQKAXgS"
    "DwoNCAESCQoDEgFuCgIIAmIUCgF5Eg8KDQgBEgkKAxIBbgoCCAJCBAoAEA4="
)

# y = (1, 2, 3)[i], from int64 [n] to float [n].
TABLE = b64decode(
    "CAgSADpRChEKAXQKAWkSAXkiBkdhdGhlchIBZyoVCAMQAUIBdEoMAACAPwAAAEAAAEBAWhAKAWkSCwoJCAcSBQoDEgFuYhAKAXkSCwoJCAESBQoD"
    "EgFuQgQKABAO"
)

# y = a + b, float [n, 2] and [m, 2].
SUM = b64decode(
    "CAgSADpVCg4KAWEKAWISAXkiA0FkZBIBZ1oUCgFhEg8KDQgBEgkKAxIBbgoCCAJaFAoBYhIPCg0IARIJCgMSAW0KAggCYhQKAXkSDwoNCAESCQoD"
    "EgFrCgIIAkIECgAQDg=="
)

# u = t and g = not f, of strings and booleans, all [n].
TEXT = b64decode(
    "CAgSADpqChAKAXQSAXUiCElkZW50aXR5CgsKAWYSAWciA05vdBIBZ1oQCgF0EgsKCQgIEgUKAxIBbloQCgFmEgsKCQgJEgUKAxIBbmIQCgF1EgsK"
    "CQgIEgUKAxIBbmIQCgFnEgsKCQgJEgUKAxIBbkIECgAQDg=="
)

# y = x multiplied by a matrix, from float [n, 64] to float [n, 32].
PRODUCT = b64decode(
    "CAgSADrCAQoTCgFiCgFlCgFzEgFyIgVSYW5nZQoLCgFyEgF2IgNTaW4KFgoBdgoFc2hhcGUSAXciB1Jlc2hhcGUKEQoBeAoBdxIBeSIGTWF0TXVs"
    "EgFnKgsQAUIBYkoEAAAAACoLEAFCAWVKBAAAAEUqCxABQgFzSgQAAIA/Kh0IAhAHQgVzaGFwZUoQQAAAAAAAAAAgAAAAAAAAAFoUCgF4Eg8KDQgB"
    "EgkKAxIBbgoCCEBiFAoBeRIPCg0IARIJCgMSAW4KAgggQgQKABAO"
)


def load(content: bytes) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        file.write_bytes(content)
        return Model(IDENTITY, file)
