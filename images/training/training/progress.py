"""How far a job is, as metrics for as long as it runs, at the port that the platform asks for them."""

import os

from prometheus_client import Enum, Gauge, start_http_server

STAGES = ("start", "data", "fit", "export", "measure", "register", "promote")

_STAGE = Enum("training_stage", "What the job is at.", states=STAGES)
_PROGRESS = Gauge("training_progress_ratio", "The part of the job that is done.")
_SPEED = Gauge("training_samples_per_second", "Samples that the model learns from in a second.")
# With a label, so that there is none before it is known.
_LOSS = Gauge("training_loss", "How far the model is off.", ("split",))
_ACCURACY = Gauge("training_accuracy", "The part of samples that are recognized.", ("split",))


def serve() -> None:
    """On METRICS_PORT, if it is set."""
    if port := os.environ.get("METRICS_PORT"):
        start_http_server(int(port))


def begins(stage: str) -> None:
    _STAGE.state(stage)
    _PROGRESS.set(STAGES.index(stage) / len(STAGES))


def fitted(samples: int, seconds: float, **loss: float) -> None:
    """The loss by split."""
    _SPEED.set(samples / seconds)
    for split, value in loss.items():
        _LOSS.labels(split).set(value)


def measured(**accuracy: float) -> None:
    """By split."""
    for split, value in accuracy.items():
        _ACCURACY.labels(split).set(value)


def ends() -> None:
    _PROGRESS.set(1)
