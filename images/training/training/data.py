"""Handwritten digits, split the same way every time."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

Images = NDArray[np.float32]
Labels = NDArray[np.int64]

HOLDOUT_FRACTION = 0.25
# Fixed, not an option: accuracies are compared over model versions, and an image that one version was held
# out from must never be one that another was trained on.
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
        """The held-out digits as plain JSON, for whoever checks the served model."""
        return {"inputs": self.holdout_images.tolist(), "labels": self.holdout_labels.tolist()}


def load() -> Digits:
    images, labels = load_digits(return_X_y=True)
    train_images, holdout_images, train_labels, holdout_labels = train_test_split(
        images.astype(np.float32),
        labels.astype(np.int64),
        test_size=HOLDOUT_FRACTION,
        stratify=labels,
        random_state=SPLIT_SEED,
    )
    return Digits(train_images, train_labels, holdout_images, holdout_labels)
