"""The training loop: the same result for the same seed on the same kind of device."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer import data
from trainer.network import Network

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
    """What one epoch took: seconds of the whole, and of these with an idle device that waits for the loader."""

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


def device() -> torch.device:
    """A GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(where: torch.device) -> str:
    """Such as `NVIDIA A10G`, or `4 threads of the CPU`."""
    if where.type == "cuda":
        return torch.cuda.get_device_name(where)
    return f"{torch.get_num_threads()} threads of the CPU"


def uses_bf16(where: torch.device) -> bool:
    """On GPUs with units for it; elsewhere it would be slower, not faster."""
    return where.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def fit(
    digits: data.Digits, settings: Hyperparameters, loader_workers: int, report: Callable[[Epoch], None]
) -> Network:
    """A trained network; `report` is called after each epoch."""
    torch.manual_seed(settings.seed)
    torch.use_deterministic_algorithms(True)
    where = device()
    network = Network().to(where)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate)
    batches = data.loader(
        digits, batch=settings.batch, seed=settings.seed, workers=loader_workers, pinned=where.type == "cuda"
    )
    for number in range(settings.epochs):
        report(_epoch(number, network, optimizer, batches, where))
    return network


def _epoch(
    number: int,
    network: Network,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Batch],
    where: torch.device,
) -> Epoch:
    total = torch.zeros((), device=where)  # on the device: reading each loss would wait for each step
    samples = steps = 0
    waits, begin = Waits(where), time.perf_counter()
    for images, labels in waits.of(batches):
        inputs, targets = (part.to(where, non_blocking=True) for part in (images, labels))
        total += _step(network, optimizer, inputs, targets) * len(labels)
        samples += len(labels)
        steps += 1
    loss = float(total) / samples  # waits for the device
    return Epoch(number, loss, samples, steps, time.perf_counter() - begin, waits.seconds())


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


def _step(network: Network, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Tensor:
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=uses_bf16(images.device)):
        loss: Tensor = nn.functional.cross_entropy(network(images), labels)
    loss.backward()
    optimizer.step()
    return loss.detach()
