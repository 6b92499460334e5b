"""The Open Inference Protocol's messages, version 2, in their JSON form.

Requests are decoded by msgspec, which stops at the first mistake and skips unknown fields: nothing is built in memory
that the server does not use.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(max_length=1024)]
"""Repeated in answers."""
Size = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Shape = Annotated[list[Size], Meta(max_length=32)]


class RequestInput(msgspec.Struct):
    name: Text
    shape: Shape
    datatype: Text
    data: msgspec.Raw
    """Decoded once the model's signature is known: only elements of its datatype, nested as its shape."""


class RequestOutput(msgspec.Struct):
    name: Text


class InferenceRequest(msgspec.Struct):
    inputs: Annotated[list[RequestInput], Meta(min_length=1)]
    outputs: list[RequestOutput] | None = None
    id: Text | None = None


class ResponseOutput(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class InferenceResponse(msgspec.Struct, omit_defaults=True):  # type: ignore[call-arg] # msgspec is in the image only
    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: str | None = None


class TensorMetadata(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(msgspec.Struct):
    name: str
    version: str
    extensions: list[str]
