"""Face and context streams become one feature per frame."""

import torch
from torch import Tensor, nn

from models.adapter import zero_


class Fusion(nn.Module):
    """Mean of the two streams plus a learned correction, (..., D) and (..., D) -> (..., D).

    Starts as the mean, which stays in CLIP's space.
    """

    def __init__(self, width: int):
        super().__init__()
        self.correction = nn.Linear(2 * width, width)
        zero_(self.correction)

    def forward(self, face: Tensor, context: Tensor) -> Tensor:
        return (face + context) / 2 + self.correction(torch.cat([face, context], dim=-1))
