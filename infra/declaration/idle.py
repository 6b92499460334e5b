"""When a job's GPUs count as idle, and what happens then."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from infra.declaration.types import Percentage, Seconds, Settings


class Idle(Settings):
    """A run is idle while all its pods run and each of their GPUs is used less than `gpuBelow`. While the metrics of a
    GPU are missing, it is not. A change reaches runs that exist.
    """

    gpu_below: Percentage = Field(description="Utilization below which a GPU counts as idle")
    for_: Seconds = Field(
        alias="for", description="For how long, counted from when the run's newest pod started; less than `timeout`"
    )
    then: Literal["notify", "stop"] = Field(
        description="`notify`: the alert RunIdle fires, and GpuIdle does not; `stop`, of training jobs in queues: the "
        "run is stopped, too, and keeps its checkpoint until `make run` starts it again"
    )
