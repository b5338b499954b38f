"""Focal loss, per cell: (B, S) is the usual one, (B, A, S) the multi-label one."""

import torch
from torch import Tensor, nn

from .numerics import in_float32, masked_mean, power_of_error, true_class_log_probs

REDUCTIONS = ("mean", "sum", "none")


@in_float32
def focal_loss(logits: Tensor, target: Tensor, alpha: Tensor | None, gamma: float,
               reduction: str = "mean", ignore_index: int = -1) -> Tensor:
    """alpha_y * (1 - p_y)^gamma * CE over the cells that are not ignored; an ignored cell is 0."""
    log_p, valid = true_class_log_probs(logits, target, ignore_index)
    loss = -power_of_error(log_p, gamma) * log_p
    if alpha is not None:
        if alpha.shape != logits.shape[-1:]:
            raise ValueError(f"alpha has {len(alpha)} weights for {logits.shape[-1]} classes")
        loss = loss * alpha[target.masked_fill(~valid, 0)]
    if reduction == "mean":
        return masked_mean(loss, valid)
    loss = torch.where(valid, loss, 0)
    return loss.sum() if reduction == "sum" else loss


class FocalLoss(nn.Module):
    """Focal loss with class weights (Lin et al., 2017, arXiv 1708.02002, eq. 5); cross entropy at gamma 0.

    logits (..., S), target (...), alpha (S) or None for all ones; value in [0, inf). The mean divides by the
    number of cells that count, not by the sum of their weights.
    Raises ValueError for gamma < 0, an unknown reduction, and shapes that do not match.
    """

    def __init__(self, alpha: Tensor | list[float] | None = None, gamma: float = 2.0,
                 reduction: str = "mean", ignore_index: int = -1):
        super().__init__()
        if not gamma >= 0:
            raise ValueError(f"gamma must not be negative, got {gamma}")
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
        self.gamma, self.reduction, self.ignore_index = gamma, reduction, ignore_index
        alpha = None if alpha is None else torch.as_tensor(alpha, dtype=torch.float32).detach().clone()
        self.register_buffer("alpha", alpha)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return focal_loss(logits, target, self.alpha, self.gamma, self.reduction, self.ignore_index)
