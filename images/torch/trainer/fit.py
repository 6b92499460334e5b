"""The training loop: the same result for the same seed on the same kind of device."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from trainer import data
from trainer.checkpoint import Checkpoint, Checkpoints
from trainer.network import Network
from trainer.stop import Stop
from trainer.workers import Workers, device

Batch = tuple[Tensor, Tensor]
"""Images and labels."""


@dataclass(frozen=True)
class Hyperparameters:
    epochs: int
    batch: int
    learning_rate: float
    seed: int


@dataclass(frozen=True)
class Epoch:
    """What one epoch took: seconds of the whole, and of these with an idle device that waits for the loader.

    Of an epoch that a checkpoint has interrupted, `loss` is that of the whole and the rest that of its second part.
    """

    number: int
    loss: float
    samples: int
    steps: int
    seconds: float
    waited: float

    @property
    def samples_per_second(self) -> float:
        return self.samples / self.seconds

    @property
    def wait_ratio(self) -> float:
        return self.waited / self.seconds

    @property
    def step_seconds(self) -> float:
        return self.seconds / self.steps


@dataclass(frozen=True)
class Saving:
    """Where a run is saved after each epoch, by the first worker; where it goes on; and what stops it."""

    checkpoints: Checkpoints = field(default_factory=lambda: Checkpoints(None))
    last: Checkpoint | None = None
    run: str = ""
    first: dict[str, Tensor] | None = None
    """Weights to begin with; None: those that follow from the seed."""
    stop: Stop = field(default_factory=Stop)

    def of_all(self, workers: Workers) -> "tuple[Saving, bool]":
        """The same for every worker, and whether a checkpoint is saved."""
        saves, last, first = workers.from_leader((bool(self.checkpoints), self.last, self.first))
        return replace(self, last=last, first=first), saves


def device_name(where: torch.device) -> str:
    """Such as `NVIDIA A10G`, or `4 threads of the CPU`."""
    if where.type == "cuda":
        return torch.cuda.get_device_name(where)
    return f"{torch.get_num_threads()} threads of the CPU"


def uses_bf16(where: torch.device) -> bool:
    """On GPUs with units for it; elsewhere it would be slower, not faster."""
    return where.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def fit(
    digits: data.Digits,
    settings: Hyperparameters,
    loader_workers: int,
    report: Callable[[Epoch], None],
    saving: Saving | None = None,
    workers: Workers | None = None,
) -> Network:
    """A trained network; `report` is called after each epoch. One that went on from a checkpoint is the same.

    Of several `workers` each has the network at the end.
    """
    torch.manual_seed(settings.seed)
    torch.use_deterministic_algorithms(True)
    job = _Job(settings, device(), saving or Saving(), workers or Workers())
    with job.saving.stop.after_a_checkpoint() if job.saves else nullcontext():
        job.train(digits, loader_workers, report)
    if job.saving.stop.requested and job.saves:
        job.saving.stop.now(", after the last checkpoint")
    return job.network


class _Job:
    """A run between two steps."""

    def __init__(self, settings: Hyperparameters, where: torch.device, saving: Saving, workers: Workers) -> None:
        self.settings, self.where, self.workers = settings, where, workers
        self.saving, self.saves = saving.of_all(workers)
        self.network = Network().to(where)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=settings.learning_rate)
        self.epoch = self.step = 0
        # Of this worker's samples, and on the device: reading the loss of each step would wait for it.
        self.loss = torch.zeros((), device=where)
        if self.saving.last is not None:
            self._restore(self.saving.last)
        elif self.saving.first is not None:
            self.network.load_state_dict(self.saving.first)
        self.model = workers.alike(self.network)

    def train(self, digits: data.Digits, loader_workers: int, report: Callable[[Epoch], None]) -> None:
        batches = data.Batches(
            len(digits.train_labels),
            self.settings.batch,
            self.settings.seed,
            epoch=self.epoch,
            step=self.step,
            worker=self.workers.rank,
            workers=self.workers.number,
        )
        pinned = self.where.type == "cuda"
        loader = data.loader(digits, batches, seed=self.settings.seed, processes=loader_workers, pinned=pinned)
        self._save()
        while self.epoch < self.settings.epochs:
            report(self._train_epoch(loader, len(digits.train_labels)))
            self.epoch, self.step = self.epoch + 1, 0
            self.loss.zero_()
            self._save()
            self._stop_if_requested()

    def _train_epoch(self, batches: Iterable[Batch], samples: int) -> Epoch:
        seen = steps = 0
        last = -(-samples // self.settings.batch)
        waits, begin = Waits(self.where), time.perf_counter()
        for images, labels in waits.of(batches):
            inputs, targets = (part.to(self.where, non_blocking=True) for part in (images, labels))
            batch = min(self.settings.batch, samples - self.step * self.settings.batch)
            mine = data.part(batch, self.workers.rank, self.workers.number)
            # The mean of the workers' gradients, and so of their losses, is that of the whole batch.
            weight = mine * self.workers.number / batch
            self.loss += _step(self.model, self.optimizer, inputs, targets, weight) * mine
            self.step += 1
            steps, seen = steps + 1, seen + batch
            if self.step < last:
                self._stop_if_requested()
        loss = float(self.workers.total(self.loss)) / samples  # waits for the device
        return Epoch(self.epoch, loss, seen, steps, time.perf_counter() - begin, waits.seconds())

    def _stop_if_requested(self) -> None:
        if not self.saves:
            return
        mine = self.saving.stop.requested
        if self.workers.any(mine, self.where):
            self._save()
            saved = f", saved in epoch {self.epoch + 1} after step {self.step}"
            self.saving.stop.now(saved) if mine else self.saving.stop.with_the_others(saved)

    def _save(self) -> None:
        if not self.saves:
            return
        loss = float(self.workers.total(self.loss))
        if self.workers.leads:
            checkpoint = Checkpoint(
                run=self.saving.run,
                settings=vars(self.settings),
                epoch=self.epoch,
                step=self.step,
                loss=loss,
                network=self.network.state_dict(),
                optimizer=self.optimizer.state_dict(),
                random=torch.get_rng_state(),
            )
            self.saving.checkpoints.save(checkpoint)

    def _restore(self, last: Checkpoint) -> None:
        if last.settings != vars(self.settings):
            raise SystemExit(f"training: the checkpoint is of a job with other arguments: {last.settings}")
        self.network.load_state_dict(last.network)
        self.optimizer.load_state_dict(last.optimizer)
        torch.set_rng_state(last.random)
        self.epoch, self.step = last.epoch, last.step
        self.loss.fill_(last.loss if self.workers.leads else 0)


class Waits:
    """How long a device is idle because the loader has no batch for it.

    A GPU computes what is queued while the loader is asked for a batch. An event behind the last step and one behind
    the loader's answer are reached at the same time unless the GPU was idle between them.
    """

    def __init__(self, where: torch.device) -> None:
        self._cuda = where.type == "cuda"
        self._asked: list[tuple[float, Any, Any]] = []
        """Seconds in the loader, with the event before and the one after, if the device is a GPU."""

    def of(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        following = iter(batches)
        while True:
            before, begin = self._event(), time.perf_counter()
            batch = next(following, None)
            self._asked.append((time.perf_counter() - begin, before, self._event()))
            if batch is None:
                return
            yield batch

    def seconds(self) -> float:
        """Call it after the device has computed everything."""
        return sum(self._idle(*each) for each in self._asked)

    def _event(self) -> Any:
        """The next thing in the GPU's queue."""
        if not self._cuda:
            return None
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _idle(self, seconds: float, before: Any, after: Any) -> float:
        return min(seconds, before.elapsed_time(after) / 1000) if self._cuda else seconds


def _step(
    network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, weight: float
) -> Tensor:
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=uses_bf16(images.device)):
        loss: Tensor = nn.functional.cross_entropy(network(images), labels)
    (loss * weight).backward()  # type: ignore[no-untyped-call] # PyTorch's own has no types
    optimizer.step()
    return loss.detach()
