"""Gradient harmonising: cross entropy with each cell weighed against how common its difficulty is."""

import torch
from torch import Tensor, nn

from .numerics import in_float32, masked_mean, true_class_log_probs


def gradient_norms(log_p: Tensor) -> Tensor:
    """1 - p_y of each cell, in [0, 1]: the size of cross entropy's gradient in the true class's logit."""
    return -torch.expm1(log_p.detach())


def bin_membership(log_p: Tensor, valid: Tensor, bins: int) -> Tensor:
    """Which of the equal bins of [0, 1] holds each cell's gradient norm: (..., bins) bool."""
    index = (gradient_norms(log_p) * bins).long().clamp(max=bins - 1)  # a norm of 1 belongs to the last bin
    return (index.unsqueeze(-1) == torch.arange(bins, device=index.device)) & valid.unsqueeze(-1)


@in_float32
def count_per_bin(logits: Tensor, target: Tensor, bins: int, ignore_index: int = -1) -> Tensor:
    """Number of cells in each bin of the gradient norm: (bins,)."""
    log_p, valid = true_class_log_probs(logits, target, ignore_index)
    return bin_membership(log_p, valid, bins).flatten(0, -2).sum(0).float()


@in_float32
def ghm_c_loss(logits: Tensor, target: Tensor, density: Tensor, ignore_index: int = -1) -> Tensor:
    """Mean CE over cells, each weighted by N / (density of its bin * number of bins this batch fills)."""
    log_p, valid = true_class_log_probs(logits, target, ignore_index)
    member = bin_membership(log_p, valid, len(density))  # (..., bins)
    filled = member.flatten(0, -2).any(0).sum()
    density_of_cell = torch.where(member, density, 0).sum(-1)
    weight = valid.sum() / (density_of_cell * filled).masked_fill(~valid, 1)
    return masked_mean(-weight * log_p, valid)


@in_float32
def gradient_norm_stats(logits: Tensor, target: Tensor, bins: int, ignore_index: int = -1) -> dict[str, Tensor]:
    """`min`, `mean` and `max` of the cells' gradient norms, and `bin_00`, ...: the share of cells in each bin.

    Of no cell at all: 1, 0 and 0.
    """
    log_p, valid = true_class_log_probs(logits, target, ignore_index)
    norms = gradient_norms(log_p)
    shares = bin_membership(log_p, valid, bins).flatten(0, -2).sum(0) / valid.sum().clamp(min=1)
    return {"min": norms.masked_fill(~valid, 1).amin(), "mean": masked_mean(norms, valid),
            "max": norms.masked_fill(~valid, 0).amax(),
            **{f"bin_{number:02}": share for number, share in enumerate(shares)}}


class GHMCLoss(nn.Module):
    """GHM-C for softmax (Li et al., 2019, arXiv 1811.05181).

    logits (..., S), target (...); value in [0, inf). `density` is an exponential moving average of the
    number of cells in each bin. A batch updates the bins it fills, once; each bin corrects its bias by its
    own number of updates. In eval mode nothing is updated, and a bin never seen takes the batch's density.
    Raises ValueError for bins < 1, momentum outside [0, 1), and shapes that do not match.
    """

    def __init__(self, bins: int = 10, momentum: float = 0.75, ignore_index: int = -1):
        super().__init__()
        if bins < 1:
            raise ValueError(f"bins must be at least 1, got {bins}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {momentum}")
        self.bins, self.momentum, self.ignore_index = bins, momentum, ignore_index
        self.register_buffer("density", torch.zeros(bins))  # before bias correction
        self.register_buffer("updates", torch.zeros(bins, dtype=torch.int64))

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        counts = count_per_bin(logits, target, self.bins, self.ignore_index)
        if self.training:
            self._update(counts)
        corrected = self.density / (1 - self.momentum ** self.updates.clamp(min=1))
        density = torch.where(self.updates > 0, corrected, counts)
        return ghm_c_loss(logits, target, density, self.ignore_index)

    @torch.no_grad()
    def _update(self, counts: Tensor) -> None:
        filled = counts > 0
        average = self.momentum * self.density + (1 - self.momentum) * counts
        self.density.copy_(torch.where(filled, average, self.density))
        self.updates.add_(filled)
