"""How far a job is, as metrics for as long as it runs, at the port that the platform asks for them."""

import os

from prometheus_client import Enum, Gauge, start_http_server

from trainer.fit import Epoch

STAGES = ("start", "data", "fit", "export", "measure", "register", "promote")

_STAGE = Enum("training_stage", "What the job is at.", states=STAGES)
_PROGRESS = Gauge("training_progress_ratio", "The part of the job that is done.")
# With a label, so that there is none before it is known.
_LOSS = Gauge("training_loss", "How far the model is off.", ("split",))
_ACCURACY = Gauge("training_accuracy", "The part of samples that are recognized.", ("split",))
_SPEED = Gauge("training_samples_per_second", "Samples that the model learns from in a second.")
_WAIT = Gauge("training_loader_wait_ratio", "The part of the time that is spent waiting for the data loader.")


def serve() -> None:
    """On METRICS_PORT, if it is set."""
    if port := os.environ.get("METRICS_PORT"):
        start_http_server(int(port))


def begins(stage: str) -> None:
    _STAGE.state(stage)
    _PROGRESS.set(STAGES.index(stage) / len(STAGES))


def fitted(epoch: Epoch, epochs: int) -> None:
    """After each epoch."""
    _PROGRESS.set((STAGES.index("fit") + (epoch.number + 1) / epochs) / len(STAGES))
    _SPEED.set(epoch.samples_per_second)
    _WAIT.set(epoch.wait_ratio)
    _LOSS.labels("train").set(epoch.loss)


def measured(**accuracy: float) -> None:
    """By split."""
    for split, value in accuracy.items():
        _ACCURACY.labels(split).set(value)


def ends() -> None:
    _PROGRESS.set(1)
