"""A network that several processes train."""

import logging
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from utils.distributed.group import world_size
from utils.distributed.rows import summed
from utils.distributed.shards import shard

log = logging.getLogger("camxuc")


def spread(model: nn.Module, averaged: nn.Module | None, optimizer: torch.optim.Optimizer, device: torch.device,
           in_shards: bool) -> nn.Module:
    """What to go forward through in training: all processes begin with the first one's weights, and have one gradient.

    Batch norms then take the statistics of all rows. The model itself keeps its names and, unless `in_shards`, its
    parameters.
    """
    if world_size() == 1:
        if in_shards:
            log.info("--shard: a single process holds all of the network")
        return model
    if _is_in_shards(model):
        return model
    if device.type == "cuda":
        from timm.layers import convert_sync_batchnorm  # torch's own loses the activations of timm's norms

        convert_sync_batchnorm(model)  # in place
    for layer in model.modules() if device.type == "cpu" else ():
        if isinstance(layer, _BatchNorm) and not isinstance(layer, SyncBatchNormOnCPU):
            layer.__class__ = type("SyncBatchNormOnCPU", (SyncBatchNormOnCPU, type(layer)), {})
    if in_shards:
        shard(model, averaged, optimizer, device)
        return model
    return DistributedDataParallel(model, forward_sync_buffers=False)  # they are alike as it is


def averaged_after(network: nn.Module, last: bool) -> AbstractContextManager:
    """To be entered for a batch: the processes' gradients are averaged in the backward pass of a step's last one."""
    if _is_in_shards(network):
        network.set_requires_gradient_sync(last)
    return network.no_sync() if isinstance(network, DistributedDataParallel) and not last else nullcontext()


def _is_in_shards(network: nn.Module) -> bool:
    return hasattr(network, "set_requires_gradient_sync")  # as an FSDPModule has; to import that takes seconds


class SyncBatchNormOnCPU(_BatchNorm):
    """A batch norm, or timm's with an activation behind it. torch's SyncBatchNorm is for GPUs only."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...)"""
        if not self.training:
            return super().forward(x)
        axes, shape = [0, *range(2, x.ndim)], [1, -1, *[1] * (x.ndim - 2)]
        count = summed(torch.tensor(x.numel() / x.shape[1]))
        mean = summed(x.float().sum(axes)) / count  # (C,)
        centred = x - mean.view(shape)
        variance = summed(centred.float().square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        normed = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normed = normed * self.weight.view(shape) + self.bias.view(shape)
        for behind in ("drop", "act"):
            normed = getattr(self, behind, nn.Identity())(normed)
        return normed.to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.track_running_stats:
            self.num_batches_tracked += 1
            momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance, momentum)
