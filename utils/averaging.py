"""Exponential moving averages of modules: EMA of the weights, and MoCo's momentum encoder."""

import copy
from collections import defaultdict

import torch
from torch import nn


def frozen_copy(module: nn.Module) -> nn.Module:
    """A deep copy that takes no gradient."""
    return copy.deepcopy(module).requires_grad_(False)


@torch.no_grad()
def move_towards(average: nn.Module, module: nn.Module, momentum: float) -> None:
    """average = momentum * average + (1 - momentum) * module, parameters and floating buffers alike.

    Counters (integer buffers) are copied. He et al., 2020 (MoCo, arXiv 1911.05722), eq. 2.
    """
    ours, theirs, kinds = average.state_dict(), module.state_dict(), defaultdict(list)
    for name, value in theirs.items():
        kinds[type(value) if value.is_floating_point() else None].append(name)
    for name in kinds.pop(None, ()):
        ours[name].copy_(theirs[name])
    for moving in kinds.values():  # parameters may be in shards, buffers never are, and a kernel takes one kind
        # On a GPU one kernel, not one for each tensor.
        torch._foreach_lerp_([ours[name] for name in moving], [theirs[name] for name in moving], 1 - momentum)
