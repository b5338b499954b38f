"""A network that several processes train."""

import logging
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from utils.distributed.batch_norm import synchronise_norms
from utils.distributed.group import world_size
from utils.distributed.shards import shard

log = logging.getLogger("camxuc")


def spread(model: nn.Module, device: torch.device, in_shards: bool = False, averaged: nn.Module | None = None,
           optimizer: torch.optim.Optimizer | None = None) -> nn.Module:
    """What to go forward through in training: all processes begin with the first one's weights, and have one gradient.

    Batch norms then take the statistics of all rows. The model itself keeps its names and, unless `in_shards`, its
    parameters; `averaged` weights and the optimiser's are cut into shards with them.
    """
    if world_size() == 1:
        if in_shards:
            log.info("--shard: a single process holds all of the network")
        return model
    if _is_in_shards(model):
        return model
    synchronise_norms(model, device)
    if in_shards:
        shard(model, averaged, optimizer, device)
        return model
    # Buffers are alike as it is.
    return DistributedDataParallel(model, forward_sync_buffers=False, gradient_as_bucket_view=True)


def averaged_after(network: nn.Module, last: bool) -> AbstractContextManager:
    """To be entered for a batch: the processes' gradients are averaged in the backward pass of a step's last one."""
    if _is_in_shards(network):
        network.set_requires_gradient_sync(last)
    return network.no_sync() if isinstance(network, DistributedDataParallel) and not last else nullcontext()


def _is_in_shards(network: nn.Module) -> bool:
    return hasattr(network, "set_requires_gradient_sync")  # as an FSDPModule has; to import that takes seconds
