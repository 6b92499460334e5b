"""The list of all kinds of workloads."""

from __future__ import annotations

from infra.workloads.batch.settings import BATCH
from infra.workloads.serving.settings import SERVING
from infra.workloads.training.settings import TRAINING

KINDS = (TRAINING, BATCH, SERVING)
