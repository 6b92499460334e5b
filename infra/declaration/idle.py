"""When a job's GPUs count as idle, and what happens then."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from infra.declaration.types import Seconds, Settings

_PERCENTAGE = re.compile(r"^(\d{1,3}(?:\.\d{1,3})?)%$", re.ASCII)


def _percentage(value: object) -> float:
    match = _PERCENTAGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a percentage; write a number with its sign, such as 5%")
    number = float(match[1])
    if not 0 < number < 100:
        raise ValueError(f"{value} is out of range; write a percentage above 0% and below 100%")
    return number


Percentage = Annotated[
    float,
    BeforeValidator(_percentage),
    WithJsonSchema({"type": "string", "pattern": _PERCENTAGE.pattern, "examples": ["5%"]}),
]
"""Written with its sign (`5%`), kept as a number."""


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
