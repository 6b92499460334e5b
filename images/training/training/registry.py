"""Experiment tracking and the model registry: one run, one model version, at most one promotion."""

from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.types import Schema, TensorSpec
from onnx import ModelProto

from training.data import Digits, Images, Labels
from training.model import INPUT_NAME, PIXELS, accuracy
from training.promotion import DEFAULT, Decision, Promotion, decide

CHAMPION = "champion"
METRICS: dict[str, Callable[[ModelProto, Images, Labels], float]] = {DEFAULT: accuracy}
"""On held-out digits, by the names that a run logs them with."""


def log_model(model: ModelProto, name: str) -> str:
    """Logs the model to the active run and registers it; returns the version's number."""
    import mlflow.onnx

    info = mlflow.onnx.log_model(
        model,
        name="model",
        registered_model_name=name,
        signature=signature(model),
        # Given, or MLflow starts the model in another process to find out.
        pip_requirements=[f"{package}=={version(package)}" for package in ("numpy", "onnx", "onnxruntime")],
        await_registration_for=30,
    )
    return str(info.registered_model_version)


def signature(model: ModelProto) -> ModelSignature:
    outputs = {output.name: output.type.tensor_type for output in model.graph.output}
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, PIXELS), INPUT_NAME)]),
        outputs=Schema(
            [
                TensorSpec(np.dtype(np.int64), (-1,), "label"),
                TensorSpec(
                    np.dtype(np.float32), (-1, outputs["probabilities"].shape.dim[1].dim_value), "probabilities"
                ),
            ]
        ),
    )


def promote(name: str, candidate_version: str, candidate: float, wanted: Promotion, digits: Digits) -> Decision:
    """Moves the alias if the candidate is as much better as declared, on the same held-out digits.

    Another job may have moved it while the champion was measured: the new champion is measured, too. The registry has
    no compare-and-set, so that of two jobs which set the alias within milliseconds the later one wins.
    """
    client = MlflowClient()
    champion = current_champion(client, name)
    decision = compare(name, champion, candidate, wanted, digits)
    while decision.promoted and (latest := current_champion(client, name)) != champion:
        champion = latest
        decision = compare(name, champion, candidate, wanted, digits)
    if decision.promoted:
        client.set_registered_model_alias(name, CHAMPION, candidate_version)
    client.set_model_version_tag(name, candidate_version, "promotion", decision.reason)
    return decision


def compare(name: str, champion: str | None, candidate: float, wanted: Promotion, digits: Digits) -> Decision:
    """The candidate with a version that is champion; None: there is none."""
    measured = None if champion is None else worth(load(name, champion), wanted, digits)
    return decide(wanted, candidate, measured, champion)


def worth(model: ModelProto, wanted: Promotion, digits: Digits) -> float:
    """By the declared metric. Logging a model empties it: its weights are in a file from then on."""
    return METRICS[wanted.metric](model, digits.holdout_images, digits.holdout_labels)


def current_champion(client: MlflowClient, name: str) -> str | None:
    try:
        return str(client.get_model_version_by_alias(name, CHAMPION).version)
    except MlflowException as error:
        if error.error_code in {ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def load(name: str, version: str) -> ModelProto:
    import mlflow.onnx

    return mlflow.onnx.load_model(f"models:/{name}/{version}")
