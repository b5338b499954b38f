"""A network in shards: of every weight, and what is kept of it, each process holds some rows of the first axis (FSDP2).

Weights are whole while the part of the network that they belong to is at work, and at no other time.
"""

import copy
from collections.abc import Iterable, Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from utils.distributed.group import rank, world_size


def shard(model: nn.Module, averaged: nn.Module | None, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """In place; all processes begin with the first one's weights. The optimiser goes on with the shards."""
    from torch.distributed.device_mesh import init_device_mesh  # seconds to import, as are those below
    from torch.distributed.fsdp import fully_shard

    mesh, whole = init_device_mesh(device.type, (world_size(),)), list(model.parameters())
    for network in (model, averaged) if averaged is not None else (model,):
        for tensor in network.state_dict().values():
            dist.broadcast(tensor, src=0)
        for layer in _layers(network):
            fully_shard(layer, mesh=mesh)
        # What is left: whole in the forward and in the backward pass, and in shards between a step and the next.
        fully_shard(network, mesh=mesh, reshard_after_forward=True)
        _tell_of_writes(network)
    shards = dict(zip(whole, model.parameters()))
    for group in optimizer.param_groups:
        group["params"] = [shards[parameter] for parameter in group["params"]]
    if isinstance(optimizer, torch.optim.SGD):
        _know_fused_sgd()
    for parameter in list(optimizer.state):
        kept = optimizer.state.pop(parameter)
        optimizer.state[shards[parameter]] = {name: _cut(value, shards[parameter]) for name, value in kept.items()}


def _know_fused_sgd() -> None:
    """torch knows how shards go through AdamW's fused kernel, and not that they go through that of SGD alike."""
    from torch.distributed.tensor._ops._pointwise_ops import _register_single_dim_pointwise

    _register_single_dim_pointwise(torch.ops.aten._fused_sgd_.default)


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """What a network repeats: blocks of transformers, stages of convolutions; of those within others the outer ones."""
    for child in module.children():
        alike = isinstance(child, nn.ModuleList | nn.Sequential) and len({type(layer) for layer in child}) == 1
        if alike and any(True for _ in child.parameters()):
            yield from child
        else:
            yield from _layers(child)


def _tell_of_writes(network: nn.Module) -> None:
    """Whole weights are filled anew for each pass, and do not say so, as all other tensors that are written to do.

    Else what is kept of them, as text features are, would be old; or in one process kept, and in another made anew.
    """
    network.register_forward_pre_hook(lambda *_: increment_version(
        [part for part in network.parameters() if not _is_in_shards(part)]))


def _cut(value, like: Tensor):
    """This process's part of a whole tensor, where `like` is in shards and of the same shape."""
    if not (_is_in_shards(like) and isinstance(value, Tensor) and value.shape == like.shape):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)  # all have the same


def cut(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """A state of whole tensors as the network can load it."""
    own = network.state_dict()
    return {name: _cut(value, own.get(name)) for name, value in state.items()}


def unsharded(tensor: Tensor) -> Tensor:
    """To be called in all processes, for each has a part."""
    return tensor.full_tensor() if _is_in_shards(tensor) else tensor


def gathered(state):
    """A state with whole tensors, on the CPU, for those in shards; None for them in all processes but the first.

    To be called in all processes.
    """
    if _is_in_shards(state):
        tensor = unsharded(state)
        return tensor.cpu() if rank() == 0 else None
    if isinstance(state, dict):
        items = {name: gathered(value) for name, value in state.items()}
        state = copy.copy(state)  # with what a module's state has for attributes
        state.update(items)
    return state


def norms(tensors: list[Tensor]) -> list[Tensor]:
    """Of each tensor. In all processes alike."""
    parts = torch._foreach_norm(list(map(_local, tensors))) if tensors else []
    if not any(map(_is_in_shards, tensors)):
        return parts
    squares = torch.stack(parts).float().square()
    dist.all_reduce(squares)
    return list(squares.sqrt())


def samples(tensors: Iterable[Tensor], most: int) -> Tensor:
    """Up to `most` values of each, its first and others evenly through it, in one row: (n,). In all processes alike."""
    tensors = [tensor.detach() for tensor in tensors]
    values = torch.cat([_samples(tensor, most).float() for tensor in tensors])
    if any(map(_is_in_shards, tensors)):
        dist.all_reduce(values)
    return values


def _samples(tensor: Tensor, most: int) -> Tensor:
    """Of a tensor in shards: zeros for those that lie elsewhere."""
    local, count = _local(tensor).flatten(), tensor.numel()
    places = torch.arange(0, count, max(count // most, 1), device=local.device)[:most]
    if not _is_in_shards(tensor):
        return local[places]
    row = count // len(tensor)
    places -= min(rank() * -(-len(tensor) // world_size()), len(tensor)) * row  # those before are of others
    values, here = local.new_zeros(len(places)), (places >= 0) & (places < len(local))
    values[here] = local[places[here]]
    return values


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if _is_in_shards(tensor) else tensor


def _is_in_shards(value) -> bool:
    return hasattr(value, "full_tensor")  # as a DTensor has; to import that takes seconds
