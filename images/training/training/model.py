"""Fitting, exporting to ONNX, and measuring what was exported."""

import warnings
from dataclasses import dataclass

import onnxruntime
from onnx import ModelProto
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.metrics import hinge_loss
from sklearn.svm import SVC

from training.data import Images, Labels

INPUT_NAME = "image"
PIXELS = 64


@dataclass(frozen=True)
class Hyperparameters:
    gamma: float
    c: float


def fit(images: Images, labels: Labels, hyperparameters: Hyperparameters) -> SVC:
    return SVC(gamma=hyperparameters.gamma, C=hyperparameters.c).fit(images, labels)


def loss(classifier: SVC, images: Images, labels: Labels) -> float:
    """By how much digits miss the margin of their class: 0 when none does."""
    return float(hinge_loss(labels, classifier.decision_function(images)))


def export(classifier: SVC) -> ModelProto:
    """Whoever serves the model needs ONNX Runtime and nothing of scikit-learn."""
    with warnings.catch_warnings():
        # The converter reads attributes that scikit-learn has announced to remove; both are pinned.
        warnings.simplefilter("ignore", FutureWarning)
        model: ModelProto = to_onnx(
            classifier, initial_types=[(INPUT_NAME, FloatTensorType([None, PIXELS]))], options={"zipmap": False}
        )
    return model


def accuracy(model: ModelProto, images: Images, labels: Labels) -> float:
    """Measured on the export, because that is what will answer requests."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    predicted, *_ = session.run(None, {INPUT_NAME: images})
    return float((predicted == labels).mean())
