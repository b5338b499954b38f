"""Cross entropy with label smoothing."""

import torch.nn.functional as F
from torch import Tensor, nn

from .numerics import IGNORE, in_float32


@in_float32
def lsr2_loss(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """(1 - smoothing) * CE + smoothing * mean_k(-log p_k), mean over the labels that are not -1."""
    if logits.shape[:-1] != target.shape:
        raise ValueError(f"logits {tuple(logits.shape)} do not match target {tuple(target.shape)}")
    total = F.cross_entropy(logits.flatten(0, -2), target.flatten(),
                            label_smoothing=smoothing, ignore_index=IGNORE, reduction="sum")
    return total / (target != IGNORE).sum().clamp(min=1)  # torch's own mean is NaN where all are ignored


class LSR2(nn.Module):
    """Label smoothing regularisation (Szegedy et al., 2016, section 7); plain cross entropy at smoothing 0.

    logits (B, C) or (..., C), target (B) or (...), -1 where there is no label; value in [0, inf).
    Raises ValueError for smoothing outside [0, 1) and for shapes that do not match.
    """

    def __init__(self, smoothing: float = 0.05):
        super().__init__()
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing must be in [0, 1), got {smoothing}")
        self.smoothing = smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return lsr2_loss(logits, target, self.smoothing)
