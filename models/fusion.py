"""Face and context streams become one feature per frame."""

import torch
from torch import Tensor, nn

from models.adapter import zero_


class Fusion(nn.Module):
    """The face plus a learned correction from both streams, (..., D) and (..., D) -> (..., D).

    Starts as the face alone: it stays in CLIP's space, and a context that says little cannot drown it.
    """

    def __init__(self, width: int):
        super().__init__()
        self.correction = nn.Linear(2 * width, width)
        zero_(self.correction)

    def forward(self, face: Tensor, context: Tensor) -> Tensor:
        return face + self.correction(torch.cat([face, context], dim=-1))
