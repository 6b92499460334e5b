"""What a check found: the termination message of its container, as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

TERMINATION_LOG = Path("/dev/termination-log")
"""Kubernetes keeps what is in it with the pod, up to 4 KiB."""
_LONGEST = 200


class Failed(Exception):
    """What is wrong at one stage (toolkit, driver, framework or product), and what to do."""

    def __init__(self, stage: str, problem: str, fix: str) -> None:
        super().__init__(f"{stage}: {problem}; {fix}")
        self.stage, self.problem, self.fix = stage, problem, fix


@dataclass(frozen=True)
class Gpu:
    """`tflops`: 10^12 operations a second of a product of bf16 matrices; `error`: relative, of one of float32."""

    name: str
    memory_gib: float
    tflops: float
    error: float


@dataclass(frozen=True)
class Report:
    """Versions as the driver and the framework give them; `cuda` is what the framework was built for."""

    driver: str
    framework: str
    cuda: str
    gpus: list[Gpu]


def first_line(error: Exception) -> str:
    """What an exception says, without the advice for programmers that follows in PyTorch's."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:_LONGEST]


def write(found: Report | Failed, to: Path = TERMINATION_LOG) -> None:
    """Nothing where the container has no such file."""
    if to.exists():
        to.write_text(json.dumps(document(found)))


def document(found: Report | Failed) -> dict[str, object]:
    if isinstance(found, Failed):
        return {"passed": False, "stage": found.stage, "problem": found.problem, "fix": found.fix}
    return {"passed": True, **asdict(found)}
