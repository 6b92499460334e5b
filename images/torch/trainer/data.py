"""Handwritten digits: split the same way every time, and loaded in an order that depends on the seed only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
Key = tuple[int, int]
"""Epoch and index of a sample."""

SIDE = 8
PIXELS = SIDE * SIDE
CLASSES = 10
# Those of images/training, so that models of both are compared on digits that neither has seen.
HOLDOUT_FRACTION = 0.25
SPLIT_SEED = 20240229


class Holdout(TypedDict):
    """One label an input."""

    inputs: list[list[float]]
    labels: list[int]


@dataclass(frozen=True)
class Digits:
    """8x8 images as 64 numbers from 0 to 16; training never sees the holdout."""

    train_images: Images
    train_labels: Labels
    holdout_images: Images
    holdout_labels: Labels

    def holdout_document(self) -> Holdout:
        """The held-out digits as plain JSON, with which the served model is checked."""
        return {"inputs": self.holdout_images.tolist(), "labels": self.holdout_labels.tolist()}


def digits() -> Digits:
    images, labels = load_digits(return_X_y=True)
    train_images, holdout_images, train_labels, holdout_labels = train_test_split(
        images.astype(np.float32),
        labels.astype(np.int64),
        test_size=HOLDOUT_FRACTION,
        stratify=labels,
        random_state=SPLIT_SEED,
    )
    return Digits(train_images, train_labels, holdout_images, holdout_labels)


class Shifted(Dataset[tuple[Tensor, int]]):
    """Digits shifted by at most one pixel; by how much depends on seed, epoch and index, not on who loads them."""

    def __init__(self, images: Images, labels: Labels, seed: int) -> None:
        self._images, self._labels, self._seed = images, labels, seed

    def __getitem__(self, key: Key) -> tuple[Tensor, int]:
        epoch, index = key
        row, column = np.random.default_rng((self._seed, epoch, index)).integers(0, 3, size=2)
        padded = np.pad(self._images[index].reshape(SIDE, SIDE), 1)
        shifted = padded[row : row + SIDE, column : column + SIDE]
        return torch.from_numpy(shifted.reshape(PIXELS).copy()), int(self._labels[index])


class Batches(Sampler[list[Key]]):
    """The batches of one epoch after the other, each epoch in an order of its own; of the first those from `step` on.

    Of each batch every worker has its part. One for which there is nothing left gets a sample that does not count.
    """

    def __init__(
        self, size: int, batch: int, seed: int, *, epoch: int = 0, step: int = 0, worker: int = 0, workers: int = 1
    ) -> None:
        self._size, self._batch, self._seed, self._epoch, self._step = size, batch, seed, epoch, step
        self._worker, self._workers = worker, workers

    def __len__(self) -> int:
        return -(-self._size // self._batch)

    def __iter__(self) -> Iterator[list[Key]]:
        # A generator, of which nothing runs before its first batch: loaders with processes ask for two and use one.
        epoch, step = self._epoch, self._step
        self._epoch, self._step = epoch + 1, 0
        order = np.random.default_rng((self._seed, epoch)).permutation(self._size)
        for at in range(step * self._batch, self._size, self._batch):
            yield [(epoch, int(index)) for index in self._part(order[at : at + self._batch])]

    def _part(self, batch: NDArray[np.int64]) -> NDArray[np.int64]:
        own = batch[self._worker :: self._workers]
        return own if len(own) else batch[:1]


def part(batch: int, worker: int, workers: int) -> int:
    """How many samples of a batch are a worker's."""
    return len(range(worker, batch, workers))


def loader(
    samples: Digits, batches: Batches, *, seed: int, processes: int, pinned: bool
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Each iteration is one epoch. The CPU does not wait for copies from `pinned` memory to a GPU."""
    return DataLoader(
        # The type of DataLoader wants a number as a key.
        Shifted(samples.train_images, samples.train_labels, seed),  # type: ignore[arg-type]
        batch_sampler=batches,
        num_workers=processes,
        persistent_workers=processes > 0,
        pin_memory=pinned,
    )
