"""Rows of all processes, where several train one network."""

import torch
import torch.distributed as dist
from torch import Tensor


class _Gather(torch.autograd.Function):
    """`dist.all_gather` alone gives a process the gradient of its own loss only, and so too small a one."""

    @staticmethod
    def forward(ctx, rows: Tensor) -> Tensor:
        everyone = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(everyone, rows.contiguous())
        return torch.cat(everyone)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient.chunk(dist.get_world_size())[dist.get_rank()]


def gathered(rows: Tensor) -> Tensor:
    """(B, ...) of each of W processes -> (W * B, ...), the same in all, in the order of their ranks.

    The gradient is that of the sum of all processes' losses. Where each computes the same loss of all rows, and
    their gradients of the weights are averaged, as DDP does, the step is that of one process with all rows. B must
    be the same everywhere. In a single process it is `rows`.
    """
    several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    return _Gather.apply(rows) if several else rows
