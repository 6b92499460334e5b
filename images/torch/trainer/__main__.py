"""python -m trainer [--epochs N] [--seed S] ...: trains, measures, registers, and promotes as declared."""

import argparse
import math
import os
import sys
from collections.abc import Callable

import torch
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from onnx import ModelProto
from torch import Tensor

from trainer import data, errors, fit, network, progress, promotion
from trainer.checkpoint import Checkpoint, Checkpoints
from trainer.fit import Epoch, Hyperparameters, Saving
from trainer.stop import Stop
from trainer.workers import Workers, device, joined

REQUIRED = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MODEL_NAME")


def main() -> None:
    stop = Stop()
    stop.listen()
    settings, loader_workers = parse(sys.argv[1:])
    missing = [variable for variable in REQUIRED if not os.environ.get(variable)]
    if missing:
        sys.exit(f"training: set {', '.join(missing)}")
    require_gpus()
    uri, experiment, name = (os.environ[variable] for variable in REQUIRED)
    try:
        with joined() as workers:
            if workers.leads:
                train(settings, loader_workers, experiment, name, stop, workers)
            else:
                fit.fit(data.digits(), settings, loader_workers, lambda _: None, Saving(stop=stop), workers)
    except MlflowException as error:
        sys.exit(f"training: {errors.explain(error, uri)}")


def require_gpus() -> None:
    """A pod with GPUs trains on them: on the CPU it would hold them for nothing, and be slow."""
    given = int(os.environ.get("GPUS", "0"))
    if given > 0 and device().type != "cuda":
        sys.exit(f"training: the pod was given {given} GPUs, and PyTorch can't use them; run `make gpu-check`")


def parse(arguments: list[str]) -> tuple[Hyperparameters, int]:
    """The hyperparameters, and the number of loader processes, which changes no result."""
    parser = argparse.ArgumentParser(prog="trainer", description="Train a network on handwritten digits.")

    def add(name: str, kind: Callable[[str], float], default: float, about: str) -> None:
        parser.add_argument(name, type=kind, default=default, help=f"{about} (default: %(default)s)")

    add("--epochs", count, 20, "how often each sample is seen")
    add("--batch", count, 32, "samples a step, of all workers together")
    add("--learning-rate", positive, 3e-3, "of AdamW")
    add("--seed", natural, 0, "initial weights, order of the samples, shifts")
    add("--loader-workers", natural, 2, "processes that load samples; 0: the training process does")
    options = vars(parser.parse_args(arguments))
    loader_workers = options.pop("loader_workers")
    return Hyperparameters(**options), loader_workers


def natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


def positive(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def train(
    settings: Hyperparameters, loader_workers: int, experiment: str, name: str, stop: Stop, workers: Workers
) -> None:
    import mlflow

    from trainer import registry

    progress.serve()
    wanted = promotion.declared(registry.METRICS)
    checkpoints = Checkpoints(os.environ.get("CHECKPOINT_DIR"))
    last = checkpoints.load()
    first = None if last else start(name)
    where = device()
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_id=last.run if last else None) as run:
        if last is None:
            mlflow.log_params({**vars(settings), "device": where.type, "bf16": fit.uses_bf16(where)})
        progress.begins("data")
        digits = data.digits()
        progress.begins("fit")
        say(
            f"{settings.epochs} epochs of {len(digits.train_labels)} digits on {devices(where, workers)}{resumed(last)}"
        )
        saving = Saving(checkpoints, last, run.info.run_id, first, stop)
        trained = fit.fit(
            digits, settings, loader_workers, lambda epoch: report(epoch, settings.epochs), saving, workers
        )
        progress.begins("export")
        exported = network.export(trained)
        progress.begins("measure")
        accuracy = measure(exported, digits)
        candidate = registry.worth(exported, wanted, digits)
        say(f"accuracy {accuracy:.4f} on {len(digits.holdout_labels)} held-out digits")
        progress.begins("register")
        version = registry.registered(name, run.info.run_id) or registry.log_model(exported, name)
        progress.begins("promote")
        decision = registry.promote(name, version, candidate, wanted, digits)
    progress.ends()
    outcome = "is now" if decision.promoted else "does not become"
    say(f"{name} version {version} {outcome} the {registry.CHAMPION}: {decision.reason}")


def start(name: str) -> dict[str, Tensor] | None:
    """The weights of the champion, if they are where training begins and there is one."""
    from trainer import registry

    version = registry.current_champion(MlflowClient(), name) if os.environ.get("MODEL_URI") else None
    if version is None:
        return None
    try:
        found = network.weights(registry.load(name, version))
    except network.OtherArchitectureError as error:
        sys.exit(f"training: {name} version {version} is no model of this network ({error}); remove 'from'")
    say(f"starts from {name} version {version}")
    return found


def devices(where: torch.device, workers: Workers) -> str:
    """Such as `2 x NVIDIA A10G`."""
    return f"{workers.number} x {fit.device_name(where)}" if workers.number > 1 else fit.device_name(where)


def resumed(last: Checkpoint | None) -> str:
    return f", from epoch {last.epoch + 1} after step {last.step}" if last else ""


def report(epoch: Epoch, epochs: int) -> None:
    """One line, and metrics of the run."""
    import mlflow

    progress.fitted(epoch, epochs)
    metrics = {
        "train_loss": epoch.loss,
        "samples_per_second": epoch.samples_per_second,
        "step_seconds": epoch.step_seconds,
        "loader_wait_ratio": epoch.wait_ratio,
    }
    mlflow.log_metrics(metrics, step=epoch.number)
    say(
        f"epoch {epoch.number + 1} of {epochs}: loss {epoch.loss:.4f}, {epoch.samples_per_second:.0f} samples/s, "
        f"{epoch.step_seconds * 1000:.1f} ms a step, {epoch.wait_ratio:.0%} waiting for the loader"
    )


def measure(exported: ModelProto, digits: data.Digits) -> float:
    """Logs what the export is worth; returns its accuracy on digits that training never saw."""
    import mlflow

    train = network.accuracy(exported, digits.train_images, digits.train_labels)
    holdout = network.accuracy(exported, digits.holdout_images, digits.holdout_labels)
    progress.measured(train=train, holdout=holdout)
    loss = network.loss(exported, digits.holdout_images, digits.holdout_labels)
    mlflow.log_metrics({"train_accuracy": train, "holdout_accuracy": holdout, "holdout_loss": loss})
    mlflow.log_dict(digits.holdout_document(), "holdout/holdout.json")
    return holdout


def say(line: str) -> None:
    print(f"training: {line}", flush=True)


if __name__ == "__main__":
    main()
