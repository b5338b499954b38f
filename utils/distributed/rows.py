"""Rows of a batch, which lie spread over the processes in the order of their ranks."""

from itertools import accumulate

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from utils.distributed.group import rank, world_size
from utils.structures import Batch


def part(count: int, number: int, of: int) -> slice:
    """One of `of` successive parts of so many things, which differ by one at most."""
    return slice(number * count // of, (number + 1) * count // of)


def share(count: int) -> slice:
    """This process's part of so many rows."""
    return part(count, rank(), world_size())


def own_rows(batch: Batch) -> slice:
    """The rows of the whole batch that this process has tensors of. The blank of one that has none is as the first."""
    if batch.shares is None:
        return slice(None)
    start, own = sum(batch.shares[: rank()]), batch.shares[rank()]
    return slice(start, start + own) if own else slice(1)


class _Joined(torch.autograd.Function):
    """`dist.all_gather` alone has no gradient."""

    @staticmethod
    def forward(ctx, rows: Tensor) -> Tensor:
        everyone = rows.new_empty(world_size() * len(rows), *rows.shape[1:])
        dist.all_gather_into_tensor(everyone, rows.contiguous())
        return everyone

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        # Each process has the gradient of the one loss in all rows. DDP will divide by the number of processes.
        return gradient.chunk(world_size())[rank()] * world_size()


def joined(rows: Tensor, shares: list[int] | None) -> Tensor:
    """(n, ...) of each process -> (N, ...), the whole batch's, the same in all; in a single process it is `rows`.

    The gradient of the weights is that of one process with all rows, if each computes the same loss of them and what
    comes of it is averaged, as DDP does. `shares` are the rows of each; a blank row of one that has none is dropped.
    """
    if shares is None:
        return rows
    most = max(*shares, 1)  # gloo and NCCL take only what is alike in all processes, and do not tell when it is not
    padded = torch.cat([rows, rows.new_zeros(most - len(rows), *rows.shape[1:])])
    everyone = _Joined.apply(padded).split(most)
    return torch.cat([part[:own] for part, own in zip(everyone, shares)])


def fetched(rows: Tensor, wanted: np.ndarray, shares: list[int] | None) -> Tensor:
    """For each own row the row that `wanted` (N) names for it, from whichever process holds it: (n, ...).

    Each process gets what it asks for and no more. No gradient goes through.
    """
    if shares is None:
        return rows[torch.from_numpy(wanted).to(rows.device, non_blocking=True)]
    ends = list(accumulate(shares))
    starts, me = [end - own for own, end in zip(shares, ends)], rank()
    holder = np.searchsorted(ends, wanted, side="right")  # (N,)
    asked = [wanted[start:end] for start, end in zip(starts, ends)]  # by each process
    to_send = [of[holder[start:end] == me] - starts[me] for of, start, end in zip(asked, starts, ends)]
    sent = rows[torch.from_numpy(np.concatenate(to_send)).to(rows.device, non_blocking=True)]
    by = holder[starts[me] : ends[me]]  # (n,)
    came = rows.new_empty(len(by), *rows.shape[1:])
    dist.all_to_all_single(came, sent, [int((by == other).sum()) for other in range(len(shares))],
                           list(map(len, to_send)))
    if not len(by):
        return rows
    places = np.argsort(np.argsort(by, kind="stable"))  # they come in the order of those who send them
    return came[torch.from_numpy(places).to(rows.device, non_blocking=True)]
