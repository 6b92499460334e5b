"""The Open Inference Protocol's messages, version 2, in their JSON form."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

Parameters = dict[str, Any]


class Message(BaseModel):
    # The protocol's own names begin with `model_`, which pydantic would reserve for itself.
    model_config = ConfigDict(protected_namespaces=())


class RequestInput(Message):
    name: str
    shape: list[NonNegativeInt]
    datatype: str
    data: list[Any]
    parameters: Parameters | None = None


class RequestOutput(Message):
    name: str
    parameters: Parameters | None = None


class InferenceRequest(Message):
    inputs: list[RequestInput] = Field(min_length=1)
    outputs: list[RequestOutput] | None = None
    id: str | None = None
    parameters: Parameters | None = None


class ResponseOutput(Message):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class InferenceResponse(Message):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[ResponseOutput]


class TensorMetadata(Message):
    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Message):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(Message):
    name: str
    version: str
    extensions: list[str]
