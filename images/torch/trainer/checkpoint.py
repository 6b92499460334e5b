"""Checkpoints: all that a stopped job needs to go on where it was, in the folder CHECKPOINT_DIR."""

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

FILE = "trainer.pt"


@dataclass(frozen=True)
class Checkpoint:
    """Before a step: what was learned by then, and what the rest of the run depends on."""

    run: str
    """The run of the tracking server that goes on."""
    settings: dict[str, int | float]
    epoch: int
    step: int
    """Steps of this epoch that are done."""
    loss: float
    """Sum over the samples of these steps."""
    network: dict[str, Any]
    optimizer: dict[str, Any]
    random: torch.Tensor
    """State of PyTorch's generator on the CPU."""


class Checkpoints:
    """One file, replaced as a whole: whoever is killed while writing leaves the one before."""

    def __init__(self, folder: str | None) -> None:
        """Without a folder nothing is saved."""
        self._file = Path(folder) / FILE if folder else None

    def __bool__(self) -> bool:
        return self._file is not None

    def load(self) -> Checkpoint | None:
        """The last one, or None; exits if there is one that can't be read."""
        if self._file is None or not self._file.exists():
            return None
        try:
            return Checkpoint(**torch.load(self._file, map_location="cpu", weights_only=True))
        except (OSError, RuntimeError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise SystemExit(f"training: {self._file} is not a checkpoint of this job ({first_line(error)})") from None

    def save(self, checkpoint: Checkpoint) -> None:
        """Exits if there is no room."""
        if self._file is None:
            return
        beside = self._file.with_suffix(".part")
        try:
            with beside.open("wb") as file:
                torch.save(vars(checkpoint), file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._file)
        except (OSError, RuntimeError) as error:
            message = (
                f"the checkpoint can't be saved ({first_line(error)}); raise the job's checkpoint.size if it is full"
            )
            raise SystemExit(f"training: {message}") from None


def first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
