"""A model in ONNX Runtime. Its signature is the graph's own, so that it can't drift from what runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from serving.body import Body, write_response
from serving.call import Call
from serving.datatypes import NAME_OF_ONNX_TYPE, Array
from serving.device import create_session
from serving.independence import why_dependent
from serving.protocol import InferenceRequest, InferenceResponse, InvalidRequest, ModelMetadata, TensorMetadata
from serving.tensors import ANY_SIZE, decode, encode_binary, encode_json

LOG_NOTHING = 4
"""But what ends the process."""


class UnsupportedModel(Exception):
    """A model that this server can't run; its text says why."""


@dataclass(frozen=True)
class Identity:
    """Which model: the name it is served under, and what the registry knows it by.

    `created` is when the version was registered, in seconds since 1970.
    """

    name: str
    version: str
    uri: str
    run_id: str
    created: float


class Model:
    def __init__(self, identity: Identity, file: Path) -> None:
        options = onnxruntime.SessionOptions()
        # Pods are scaled by count; one that starts a thread for each of the node's cores is throttled instead.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Otherwise the memory of the largest batch is kept for ever.
        options.enable_cpu_mem_arena = False
        self.identity = identity
        self._session = create_session(file, options)
        self._inputs = [tensor_metadata(node) for node in self._session.get_inputs()]
        self._outputs = {node.name: tensor_metadata(node) for node in self._session.get_outputs()}
        self.takes_text = any(tensor.datatype == "BYTES" for tensor in self._inputs)
        self.unbatched = why_dependent(self._run_silently, self._inputs, list(self._outputs.values()))
        """Why requests must not be batched, if so."""

    @property
    def outputs(self) -> list[str]:
        """Their names."""
        return list(self._outputs)

    def metadata(self) -> ModelMetadata:
        return ModelMetadata(
            name=self.identity.name,
            versions=[self.identity.version],
            platform="onnx_onnxv1",
            inputs=self._inputs,
            outputs=list(self._outputs.values()),
        )

    def prepare(self, request: InferenceRequest) -> Call:
        """Raises InvalidRequest, so that a call fits the model's signature."""
        return Call(self._wanted_outputs(request), decode(request.inputs, self._inputs))

    def run(self, call: Call) -> list[Array]:
        arrays: list[Array] = self._session.run(call.outputs, call.inputs)
        return arrays

    def respond(self, request: InferenceRequest, call: Call, arrays: Sequence[Array]) -> Body:
        outputs, binary = [], []
        for name, array in zip(call.outputs, arrays, strict=True):
            if request.wants_binary(name):
                output, data = encode_binary(array, self._outputs[name])
                binary.append(data)
            else:
                output = encode_json(array, self._outputs[name])
            outputs.append(output)
        return write_response(
            InferenceResponse(
                model_name=self.identity.name, model_version=self.identity.version, id=request.id, outputs=outputs
            ),
            binary,
        )

    def _run_silently(self, call: Call) -> list[Array]:
        """ONNX Runtime writes failures into the log, too."""
        options = onnxruntime.RunOptions()
        options.log_severity_level = LOG_NOTHING
        arrays: list[Array] = self._session.run(call.outputs, call.inputs, options)
        return arrays

    def _wanted_outputs(self, request: InferenceRequest) -> list[str]:
        names = [output.name for output in request.outputs or []]
        for name in names:
            if name not in self._outputs:
                raise InvalidRequest(f"unknown output '{name}'; the model has {', '.join(self._outputs)}")
            if names.count(name) > 1:
                raise InvalidRequest(f"output '{name}' is requested more than once")
        return names or list(self._outputs)


def tensor_metadata(node: Any) -> TensorMetadata:
    if node.type not in NAME_OF_ONNX_TYPE:
        raise UnsupportedModel(f"'{node.name}' is a {node.type}, which the protocol can't carry")
    shape = [size if isinstance(size, int) else ANY_SIZE for size in node.shape]
    return TensorMetadata(name=node.name, datatype=NAME_OF_ONNX_TYPE[node.type], shape=shape)
