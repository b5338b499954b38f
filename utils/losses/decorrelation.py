"""Decorrelation of feature channels over a batch."""

import torch
from torch import Tensor, nn

from .numerics import in_float32, l2_normalize


@in_float32
def decorrelation_loss(features: Tensor, counts: Tensor | None = None) -> Tensor:
    """Mean over pairs of channels of their squared correlation, over the rows where `counts` (B) is true."""
    if features.dim() != 2:
        raise ValueError(f"features must be (B, D), got {tuple(features.shape)}")
    mask = counts.unsqueeze(-1) if counts is not None else torch.ones_like(features[:, :1])
    total = mask.sum().clamp(min=1)
    features = l2_normalize(features) * mask  # (B, D)
    centred = (features - features.sum(0) / total) * mask
    variance = centred.square().sum(0) / total  # (D,)
    # A constant channel correlates with none: divided by infinity it is 0, and so is its gradient.
    channels = centred * variance.masked_fill(variance < 1e-10, torch.inf).rsqrt()
    pairs = features.shape[1] * (features.shape[1] - 1) / 2
    correlation = channels.T @ channels / total  # (D, D)
    return correlation.triu(1).square().sum() / max(pairs, 1)


class DecorrelationLoss(nn.Module):
    """Mean squared off-diagonal element of the channels' correlation matrix.

    Akin to the second term of Barlow Twins (Zbontar et al., 2021, arXiv 2103.03230, eq. 1), in one view.
    features (B, D), of any length; value in [0, 1]; 0, with a gradient of 0, for a single row.
    A small batch says little about many channels: the last `rows` feature rows of training, detached,
    join it. `dim` is D; without it the first batch or the state_dict that is loaded says it.
    Raises ValueError for rows < 0 and features of another shape.
    """

    def __init__(self, rows: int = 0, dim: int | None = None):
        super().__init__()
        if rows < 0:
            raise ValueError(f"rows must not be negative, got {rows}")
        self.rows = rows
        if rows:
            self.register_buffer("memory", torch.zeros(rows, dim or 0))  # oldest first, filled from the end
            self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, features: Tensor) -> Tensor:
        if not self.rows:
            return decorrelation_loss(features)
        if not self.memory.shape[1]:
            self.memory = self.memory.new_zeros(self.rows, features.shape[-1])
        if features.shape[1:] != self.memory.shape[1:]:
            raise ValueError(f"features must be (B, {self.memory.shape[1]}), got {tuple(features.shape)}")
        slots = torch.arange(self.rows + len(features), device=features.device)
        joined = torch.cat((self.memory, features.to(torch.promote_types(features.dtype, torch.float32))))
        loss = decorrelation_loss(joined, slots >= self.rows - self.count)
        if self.training:
            self.memory.copy_(joined[-self.rows:].detach())
            self.count.add_(len(features)).clamp_(max=self.rows)
        return loss

    def _load_from_state_dict(self, state_dict, prefix, *args):
        stored = state_dict.get(prefix + "memory")
        if self.rows and stored is not None and not self.memory.shape[1]:
            self.memory = self.memory.new_zeros(stored.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)
