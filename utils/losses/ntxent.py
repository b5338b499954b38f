"""Normalised temperature-scaled cross entropy, the loss of SimCLR."""

import torch
from torch import Tensor, nn

from .numerics import check_pairs, check_positive
from .supcon import supcon_loss


def ntxent_loss(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    """SupCon where each sample is a class of its own, with its two views as the members."""
    check_pairs(z1, z2)
    sample = torch.arange(len(z1), device=z1.device).repeat(2)  # (2B,)
    return supcon_loss(torch.cat((z1, z2)), sample, temperature)


class NTXentLoss(nn.Module):
    """NT-Xent (Chen et al., 2020, arXiv 2002.05709, eq. 1).

    Mean over the 2B anchors, with 2(B - 1) negatives each. z1, z2 (B, D): two views of the same samples,
    row for row; value in [0, inf), 0 at B = 1.
    Raises ValueError for temperature <= 0 and for shapes that do not match.
    """

    def __init__(self, temperature: float = 0.5):
        super().__init__()
        self.temperature = check_positive("temperature", temperature)

    def forward(self, z1: Tensor, z2: Tensor) -> Tensor:
        return ntxent_loss(z1, z2, self.temperature)
