"""A multi-label loss as a loop over the aspects."""

from collections.abc import Callable

import torch
from torch import Tensor


def over_aspects(loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over aspects of each one's own loss; logits (B, A, S), or features (B, A, D), and targets (B, A)."""
    return torch.stack([loss(logits[:, aspect], targets[:, aspect]) for aspect in range(targets.shape[1])]).mean()
