"""Several workers, as torchrun starts them: each takes its part of every batch, and all have the same weights."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed, nn

Shared = TypeVar("Shared")


@dataclass(frozen=True)
class Workers:
    """This process among all of them."""

    rank: int = 0
    number: int = 1

    @property
    def leads(self) -> bool:
        """One process saves, reports and registers."""
        return self.rank == 0

    def any(self, mine: bool, where: torch.device) -> bool:
        """Whether it is so for one of them; all must ask."""
        return bool(self.total(torch.tensor(float(mine), device=where))) if self.number > 1 else mine

    def total(self, mine: torch.Tensor) -> torch.Tensor:
        """The sum over all of them; all must ask."""
        if self.number == 1:
            return mine
        every = mine.clone()
        distributed.all_reduce(every)
        return every

    def from_leader(self, mine: Shared) -> Shared:
        """What the first one has; all must ask."""
        if self.number == 1:
            return mine
        box = [mine]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def alike(self, network: nn.Module) -> nn.Module:
        """With gradients that are the mean of all workers', and at first with the leader's weights."""
        return nn.parallel.DistributedDataParallel(network) if self.number > 1 else network


def device() -> torch.device:
    """This process's GPU if there is one."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


@contextmanager
def joined() -> Iterator[Workers]:
    """With all others; by itself without torchrun."""
    if not distributed.is_torchelastic_launched():
        yield Workers()
        return
    where = device()
    if where.type == "cuda":
        torch.cuda.set_device(where)
    distributed.init_process_group("nccl" if where.type == "cuda" else "gloo")
    yield Workers(distributed.get_rank(), distributed.get_world_size())
    distributed.destroy_process_group()  # not after an error: it would wait for workers that are gone
