"""The Open Inference Protocol's messages, version 2, in their JSON form, with the binary tensor data extension.

Requests are decoded by msgspec, which stops at the first mistake and skips unknown fields: nothing is built in memory
that the server does not use.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.json import Decoder

Text = Annotated[str, Meta(max_length=1024)]
"""Repeated in answers."""
Size = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Shape = Annotated[list[Size], Meta(max_length=32)]


class InvalidRequest(Exception):
    """The client's mistake; its text goes into the answer."""


def parse(decoder: Decoder[Any], text: bytes | msgspec.Raw, where: str = "") -> Any:
    """JSON of the decoder's type, or InvalidRequest that says what is wrong and where."""
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"{where}{error}") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{where}JSON is malformed: not UTF-8") from None
    except RecursionError:
        raise InvalidRequest(f"{where}JSON is nested too deeply") from None


class InputParameters(msgspec.Struct):
    binary_data_size: Size | None = None


class RequestInput(msgspec.Struct):
    name: Text
    shape: Shape
    datatype: Text
    data: msgspec.Raw = msgspec.Raw()
    """Decoded once the model's signature is known: only elements of its datatype, nested as its shape.
    The bytes that follow the JSON, if `binary_size` says how many they are."""
    parameters: InputParameters | None = None

    @property
    def binary_size(self) -> int | None:
        return self.parameters.binary_data_size if self.parameters else None


class OutputParameters(msgspec.Struct):
    binary_data: bool | None = None


class RequestOutput(msgspec.Struct):
    name: Text
    parameters: OutputParameters | None = None


class RequestParameters(msgspec.Struct):
    binary_data_output: bool | None = None
    """Of the outputs that do not say it themselves."""


class InferenceRequest(msgspec.Struct):
    inputs: Annotated[list[RequestInput], Meta(min_length=1)]
    outputs: list[RequestOutput] | None = None
    id: Text | None = None
    parameters: RequestParameters | None = None

    def wants_binary(self, output: str) -> bool:
        for one in self.outputs or []:
            if one.name == output and one.parameters and one.parameters.binary_data is not None:
                return one.parameters.binary_data
        return bool(self.parameters and self.parameters.binary_data_output)


class BinaryData(msgspec.Struct):
    binary_data_size: int


class ResponseOutput(msgspec.Struct, omit_defaults=True):  # type: ignore[call-arg] # msgspec is in the image only
    """Its data is in JSON, or the parameters say how many bytes after the JSON it takes."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: BinaryData | None = None


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
