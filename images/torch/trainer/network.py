"""The network, its export to ONNX, and measuring what was exported."""

import logging
import warnings
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnx import ModelProto, numpy_helper
from torch import Tensor, nn

from trainer.data import CLASSES, PIXELS, SIDE, Images, Labels

INPUT_NAME, LABEL_NAME, PROBABILITIES_NAME = "image", "label", "probabilities"
_BRIGHTEST = 16.0


class Network(nn.Module):
    """Scores of ten classes for images of 64 numbers from 0 to 16."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Unflatten(1, (1, SIDE, SIDE)),
            nn.Conv2d(1, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, kernel_size=3, padding=1, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * (SIDE // 2) ** 2, 128),
            nn.ReLU(),
            nn.Linear(128, CLASSES),
        )

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.layers(image / _BRIGHTEST)
        return scores


class _Predictor(nn.Module):
    """What is served: the label and the probabilities instead of scores."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        probabilities = self.network(image).softmax(dim=1)
        return probabilities.argmax(dim=1), probabilities


def export(network: Network) -> ModelProto:
    """Serving the model needs ONNX Runtime, but not PyTorch."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of packages that are not needed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Predictor(network).cpu().eval(),
            (torch.zeros(2, PIXELS),),
            input_names=[INPUT_NAME],
            output_names=[LABEL_NAME, PROBABILITIES_NAME],
            dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


class OtherArchitectureError(Exception):
    """A model that is none of this network's."""


def weights(model: ModelProto) -> dict[str, Tensor]:
    """Of an export, to go on training with."""
    found = {
        each.name.removeprefix("network."): torch.from_numpy(numpy_helper.to_array(each).copy())
        for each in model.graph.initializer
    }
    wanted = Network().state_dict()
    for name, values in wanted.items():
        if name not in found or found[name].shape != values.shape:
            raise OtherArchitectureError(name)
    return {name: found[name] for name in wanted}


def loss(model: ModelProto, images: Images, labels: Labels) -> float:
    """The cross entropy of the probabilities that it answers with."""
    probabilities = _answers(model, images, PROBABILITIES_NAME)
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())


def accuracy(model: ModelProto, images: Images, labels: Labels) -> float:
    """Measured on the export, because that is what will answer requests."""
    return float((_answers(model, images, LABEL_NAME) == labels).mean())


def _answers(model: ModelProto, images: Images, output: str) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run([output], {session.get_inputs()[0].name: images.astype(np.float32)})[0]
