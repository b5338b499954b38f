"""Large batches in little memory."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from utils.distributed import exchanged


def in_chunks(encoder: nn.Module, inputs: list[Tensor], size: int) -> Tensor:
    """encoder(*inputs) of N rows, (N, D), holding the activations of `size` rows at a time; 0 is all of them.

    Gradient caching (Gao et al., 2021, arXiv 2101.06983): features of all rows are made first, a loss may compare
    all of them, and in the backward pass each chunk is computed again, to the gradient that the one large batch
    has. Dropout is drawn again alike. Batch norms see a chunk's statistics, and take them into their running ones
    once. The inputs get no gradient.
    """
    if not size:
        return encoder(*inputs)
    chunks, rows = list(zip(*(tensor.split(size) for tensor in inputs))), len(inputs[0])
    # Processes meet within the encoder, in weights that lie in shards and in batch norms: all go through it as often.
    chunks += [tuple(tensor[:1] for tensor in inputs)] * (max(exchanged(len(chunks))) - len(chunks))
    if len(chunks) == 1 or not torch.is_grad_enabled():
        return torch.cat([encoder(*chunk) for chunk in chunks])[:rows]
    return torch.cat([
        checkpoint(encoder, *chunk, use_reentrant=False, context_fn=lambda: (nullcontext(), _statistics_kept(encoder)))
        for chunk in chunks])[:rows]


@contextmanager
def _statistics_kept(encoder: nn.Module) -> Iterator[None]:
    """While entered, batch norms leave their running statistics as they are."""
    norms = [module for module in encoder.modules() if getattr(module, "track_running_stats", False)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
