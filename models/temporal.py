"""Frames become one video feature."""

import math

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from models.adapter import zero_
from utils.errors import UserError


class TemporalTransformer(nn.Module):
    """A pre-norm transformer over frames, added to their mean: (B, T, D) -> (B, D), for any T.

    Starts as the plain mean over frames. Positions are sinusoidal (Vaswani et al., 2017), so that no
    number of frames is built in.

    Args:
        pool: "cls" reads a class token, "attention" a learned query's weighted sum over frames.
    Raises:
        UserError: `heads` does not divide `width`.
    """

    def __init__(self, width: int, layers: int, heads: int, pool: str, dropout: float):
        super().__init__()
        if width % heads:
            raise UserError(f"--temporal-heads {heads}: must divide the feature width, {width}")
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.query = nn.Parameter(torch.empty(width).normal_(std=0.02))
        self.pool = pool
        self.out = nn.Linear(width, width)
        zero_(self.out)

    def forward(self, frames: Tensor) -> Tensor:
        x = frames + sinusoids(frames.shape[1], frames.shape[2], frames.device)  # (B, T, D)
        if self.pool == "cls":
            token = repeat(self.query, "d -> b 1 d", b=x.shape[0])
            pooled = self.transformer(torch.cat([token, x], dim=1))[:, 0]  # (B, D)
        else:
            x = self.transformer(x)
            weights = (x @ self.query / math.sqrt(x.shape[-1])).softmax(dim=1)  # (B, T)
            pooled = rearrange(weights, "b t -> b t 1").mul(x).sum(dim=1)
        return frames.mean(dim=1) + self.out(pooled)


def sinusoids(length: int, width: int, device: torch.device) -> Tensor:
    """Position encodings, (T, D), entries in -1..1."""
    position = torch.arange(length, device=device)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000) / width))
    angle = position * rate  # (T, D/2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :width]
