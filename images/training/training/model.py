"""Fitting, exporting to ONNX, and measuring what was exported."""

import warnings
from dataclasses import dataclass

import onnxruntime
from onnx import ModelProto
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import log_loss
from sklearn.svm import SVC

from training.data import Images, Labels

INPUT_NAME = "image"
PIXELS = 64


@dataclass(frozen=True)
class Hyperparameters:
    gamma: float
    c: float


def fit(images: Images, labels: Labels, hyperparameters: Hyperparameters) -> CalibratedClassifierCV:
    """The decision values of an SVC are no probabilities: they are calibrated, on folds that the training left out."""
    classifier = SVC(gamma=hyperparameters.gamma, C=hyperparameters.c)
    return CalibratedClassifierCV(classifier, ensemble=False).fit(images, labels)


def loss(classifier: CalibratedClassifierCV, images: Images, labels: Labels) -> float:
    """The cross-entropy: 0 if each digit's own class has a probability of 1."""
    return float(log_loss(labels, classifier.predict_proba(images)))


def export(classifier: CalibratedClassifierCV) -> ModelProto:
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
