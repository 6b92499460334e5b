"""python -m training [--gamma G] [--c C]: trains, measures, registers, and promotes as declared."""

import argparse
import math
import os
import signal
import sys
import time

from mlflow.exceptions import MlflowException
from onnx import ModelProto
from sklearn.calibration import CalibratedClassifierCV

from training import data, errors, model, progress, promotion
from training.model import Hyperparameters

REQUIRED = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MODEL_NAME")


def positive(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def parse(arguments: list[str]) -> Hyperparameters:
    parser = argparse.ArgumentParser(prog="training", description="Train a classifier of handwritten digits.")
    parser.add_argument("--gamma", type=positive, default=0.001, help="width of the kernel (default: %(default)s)")
    parser.add_argument("--c", type=positive, default=10.0, help="strength of the fit (default: %(default)s)")
    return Hyperparameters(**vars(parser.parse_args(arguments)))


def train(hyperparameters: Hyperparameters, experiment: str, name: str) -> None:
    import mlflow

    from training import registry

    wanted = promotion.declared(registry.METRICS)
    mlflow.set_experiment(experiment)
    with mlflow.start_run():
        mlflow.log_params(vars(hyperparameters))
        progress.begins("data")
        digits = data.load()
        progress.begins("fit")
        classifier = fit(digits, hyperparameters)
        progress.begins("export")
        exported = model.export(classifier)
        progress.begins("measure")
        accuracy = measure(exported, digits)
        candidate = registry.worth(exported, wanted, digits)
        say(f"accuracy {accuracy:.4f} on {len(digits.holdout_labels)} held-out digits")
        progress.begins("register")
        version = registry.log_model(exported, name)
        progress.begins("promote")
        decision = registry.promote(name, version, candidate, wanted, digits)
    progress.ends()
    outcome = "is now" if decision.promoted else "does not become"
    say(f"{name} version {version} {outcome} the {registry.CHAMPION}: {decision.reason}")


def fit(digits: data.Digits, hyperparameters: Hyperparameters) -> CalibratedClassifierCV:
    begin = time.perf_counter()
    classifier = model.fit(digits.train_images, digits.train_labels, hyperparameters)
    seconds = time.perf_counter() - begin
    progress.fitted(
        len(digits.train_labels),
        seconds,
        train=model.loss(classifier, digits.train_images, digits.train_labels),
        holdout=model.loss(classifier, digits.holdout_images, digits.holdout_labels),
    )
    return classifier


def measure(exported: ModelProto, digits: data.Digits) -> float:
    """Logs what the export is worth; returns its accuracy on digits that training never saw."""
    import mlflow

    train = model.accuracy(exported, digits.train_images, digits.train_labels)
    holdout = model.accuracy(exported, digits.holdout_images, digits.holdout_labels)
    progress.measured(train=train, holdout=holdout)
    mlflow.log_metrics(
        {
            "train_accuracy": train,
            "holdout_accuracy": holdout,
            "train_images": len(digits.train_labels),
            "holdout_images": len(digits.holdout_labels),
        }
    )
    mlflow.log_dict(digits.holdout_document(), "holdout/holdout.json")
    return holdout


def say(line: str) -> None:
    print(f"training: {line}", flush=True)


def main() -> None:
    # The first process of a container ignores SIGTERM unless it asks for it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("training: stopped by SIGTERM"))
    hyperparameters = parse(sys.argv[1:])
    missing = [variable for variable in REQUIRED if not os.environ.get(variable)]
    if missing:
        sys.exit(f"training: set {', '.join(missing)}")
    if os.environ.get("MODEL_URI"):
        sys.exit("training: a support vector machine is always fitted from the beginning; remove 'from'")
    progress.serve()
    uri, experiment, name = (os.environ[variable] for variable in REQUIRED)
    try:
        train(hyperparameters, experiment, name)
    except MlflowException as error:
        sys.exit(f"training: {errors.explain(error, uri)}")


if __name__ == "__main__":
    main()
