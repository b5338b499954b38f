"""Unified Focal loss: a focal cross entropy and a focal Tversky loss under one set of settings."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .numerics import in_float32, masked_mean, power_of_error, true_class_log_probs


def one_minus_tversky(probs: Tensor, truth: Tensor, valid: Tensor, delta: float) -> Tensor:
    """1 - Tversky index of each class (S) from cells (N, S), the one-hot truth (N, S) and the mask (N, 1)."""
    tp = (truth * probs).sum(0)
    fn = (truth * (1 - probs)).sum(0)
    fp = ((valid & ~truth) * probs).sum(0)
    missed = delta * fn + (1 - delta) * fp
    # 1 - TI as one fraction keeps its digits near 0; the clamp keeps the slope of a fractional power finite.
    return (missed / (tp + missed + 1e-6)).clamp(min=1e-7)


@in_float32
def unified_focal_loss(logits: Tensor, target: Tensor, weight: float, delta: float, gamma: float,
                       rare: Tensor | None = None, ignore_index: int = -1) -> Tensor:
    """weight * focal CE + (1 - weight) * focal Tversky; `rare`, class indices (R), makes it asymmetric."""
    log_p, valid = true_class_log_probs(logits, target, ignore_index)
    log_p, valid, label = log_p.flatten(), valid.flatten(), target.flatten()  # (N,)
    probs = logits.flatten(0, -2).softmax(-1)  # (N, S)
    classes = torch.arange(probs.shape[-1], device=label.device)
    truth = (label.unsqueeze(-1) == classes) & valid.unsqueeze(-1)  # (N, S)
    error = one_minus_tversky(probs, truth, valid.unsqueeze(-1), delta)  # (S,)

    suppression, enhanced = delta * power_of_error(log_p, 1 - gamma), error ** gamma
    if rare is not None:
        is_rare = (classes.unsqueeze(-1) == rare).any(-1)  # (S,)
        cell_is_rare = (truth & is_rare).any(-1)  # (N,)
        suppression = torch.where(cell_is_rare, delta, (1 - delta) * power_of_error(log_p, 1 - gamma))
        enhanced = torch.where(is_rare, enhanced, error)
    cross_entropy = masked_mean(-suppression * log_p, valid)
    tversky = masked_mean(enhanced, truth.any(0))  # an absent class has no Tversky index
    return weight * cross_entropy + (1 - weight) * tversky


class UnifiedFocalLoss(nn.Module):
    """Unified Focal loss (Yeung et al., 2021, arXiv 2102.04525).

    Symmetric: delta * (1 - p_y)^(1 - gamma) * CE, mean over cells, and (1 - TI)^gamma, mean over the classes
    present. Asymmetric: the `rare` classes alone are enhanced ((1 - TI)^gamma) with a CE of
    weight delta; the others alone are suppressed (a CE of weight 1 - delta), their 1 - TI left as it is.
    Public code differs: the authors' swaps gamma and 1 - gamma and puts `weight` on the Tversky part; MONAI's
    puts it on the cross entropy, as here. At gamma = weight = 0.5 all agree.

    logits (..., S), target (...), -1 where ignored; `rare`: class indices; value in [0, inf).
    Raises ValueError for weight, delta or gamma outside [0, 1], asymmetric without `rare` or `rare`
    without asymmetric, a rare class that does not exist, and shapes that do not match.
    """

    def __init__(self, weight: float = 0.5, delta: float = 0.6, gamma: float = 0.5,
                 asymmetric: bool = False, rare: int | Sequence[int] | None = None):
        super().__init__()
        for name, value in (("weight", weight), ("delta", delta), ("gamma", gamma)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {value}")
        rare = [rare] if isinstance(rare, int) else rare
        if asymmetric != bool(rare):
            raise ValueError("asymmetric=True and `rare`, the indices of the rare classes, go together")
        self.weight, self.delta, self.gamma = weight, delta, gamma
        if rare and min(rare) < 0:
            raise ValueError(f"rare classes are counted from 0, got {list(rare)}")
        self.highest_rare = max(rare) if rare else -1
        self.register_buffer("rare", torch.tensor(rare) if rare else None, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.highest_rare >= logits.shape[-1]:
            raise ValueError(f"no class {self.highest_rare}, named rare, among {logits.shape[-1]} classes")
        return unified_focal_loss(logits, target, self.weight, self.delta, self.gamma, self.rare)
