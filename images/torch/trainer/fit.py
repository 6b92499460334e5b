"""The training loop: the same result for the same seed on the same kind of device."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer import data
from trainer.network import Network


@dataclass(frozen=True)
class Hyperparameters:
    epochs: int
    batch: int
    learning_rate: float
    seed: int


@dataclass(frozen=True)
class Epoch:
    """What one epoch took: seconds of the whole, and of these waiting for the loader."""

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
    batches: Iterable[tuple[Tensor, Tensor]],
    where: torch.device,
) -> Epoch:
    total = torch.zeros((), device=where)  # on the device: reading each loss would wait for each step
    samples = steps = 0
    waited, begin = 0.0, time.perf_counter()
    following = iter(batches)
    while True:
        asked = time.perf_counter()
        batch = next(following, None)
        waited += time.perf_counter() - asked
        if batch is None:
            break
        images, labels = (part.to(where, non_blocking=True) for part in batch)
        total += _step(network, optimizer, images, labels) * len(labels)
        samples += len(labels)
        steps += 1
    loss = float(total) / samples  # waits for the device
    return Epoch(number, loss, samples, steps, time.perf_counter() - begin, waited)


def _step(network: Network, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Tensor:
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=uses_bf16(images.device)):
        loss: Tensor = nn.functional.cross_entropy(network(images), labels)
    loss.backward()
    optimizer.step()
    return loss.detach()
