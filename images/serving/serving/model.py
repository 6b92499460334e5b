"""A model in ONNX Runtime. Its signature is the graph's own, so that it can't drift from what runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from serving.protocol import InferenceRequest, InferenceResponse, ModelMetadata, TensorMetadata
from serving.tensors import ANY_SIZE, NAME_OF_ONNX_TYPE, InvalidRequest, decode, encode


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
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._inputs = [tensor_metadata(node) for node in self._session.get_inputs()]
        self._outputs = {node.name: tensor_metadata(node) for node in self._session.get_outputs()}

    def metadata(self) -> ModelMetadata:
        return ModelMetadata(
            name=self.identity.name,
            versions=[self.identity.version],
            platform="onnx_onnxv1",
            inputs=self._inputs,
            outputs=list(self._outputs.values()),
        )

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        names = self._wanted_outputs(request)
        arrays = self._session.run(names, decode(request.inputs, self._inputs))
        return InferenceResponse(
            model_name=self.identity.name,
            model_version=self.identity.version,
            id=request.id,
            outputs=[encode(name, array, self._outputs[name]) for name, array in zip(names, arrays, strict=True)],
        )

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
