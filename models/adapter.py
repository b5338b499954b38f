"""Bottleneck adapter (CLIP-Adapter; Gao et al., 2024, arXiv 2110.04544)."""

from torch import Tensor, nn


class Adapter(nn.Module):
    """x + up(gelu(down(norm(x)))), (..., D) -> (..., D). Starts as the identity, so CLIP's features pass."""

    def __init__(self, width: int, ratio: int, dropout: float):
        super().__init__()
        hidden = max(width // ratio, 1)
        self.layers = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width)
        )
        zero_(self.layers[-1])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def zero_(linear: nn.Linear) -> None:
    """Zero a residual branch's last layer: the branch starts silent and still gets a gradient."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
