"""Mutual information between learned and hand-crafted class texts, by its InfoNCE bound."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .numerics import check_pairs, check_positive, in_float32, l2_normalize


@in_float32
def mutual_information_loss(learned: Tensor, handcrafted: Tensor, temperature: float) -> Tensor:
    """Cross entropy of matching the classes, mean over both directions."""
    check_pairs(learned, handcrafted)
    similarity = l2_normalize(learned) @ l2_normalize(handcrafted).T / temperature  # (C, C)
    same_class = torch.arange(len(learned), device=learned.device)
    return (F.cross_entropy(similarity, same_class) + F.cross_entropy(similarity.T, same_class)) / 2


class MutualInformationLoss(nn.Module):
    """Symmetric InfoNCE (van den Oord et al., 2018, arXiv 1807.03748, eq. 4) over classes.

    learned, handcrafted (C, D), row for row; value in [0, inf), log C where nothing is told apart.
    log C - value is a lower bound of the mutual information.
    Raises ValueError for temperature <= 0 and for shapes that do not match.
    """

    def __init__(self, temperature: float = 0.07):
        super().__init__()
        self.temperature = check_positive("temperature", temperature)

    def forward(self, learned: Tensor, handcrafted: Tensor) -> Tensor:
        return mutual_information_loss(learned, handcrafted, self.temperature)
