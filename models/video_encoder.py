"""Clips become features: CLIP's image tower, adapter, fusion and temporal transformer."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.adapter import Adapter
from models.fusion import Fusion
from models.temporal import TemporalTransformer


class VideoEncoder(nn.Module):
    """Clips become unit features: frames -> image tower -> adapter -> fusion -> temporal transformer.

    Args:
        visual: image tower of `width` features.
        settings: ClipModelConfig.
        two_streams: face and context, or the face alone.
    """

    def __init__(self, visual: nn.Module, width: int, settings, two_streams: bool):
        super().__init__()
        self.visual = visual
        self.adapter = Adapter(width, settings.adapter_ratio, settings.dropout)
        self.fusion = Fusion(width) if two_streams else None
        self.temporal = TemporalTransformer(
            width, settings.temporal_layers, settings.temporal_heads, settings.temporal_pool, settings.dropout
        )
        self.register_buffer("mean", torch.tensor(visual.image_mean).view(3, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(visual.image_std).view(3, 1, 1) * 255)

    def forward(self, face: Tensor, context: Tensor | None = None) -> Tensor:
        """(B, T, 3, H, W) twice, or what `see` gives of them, (B, T, D) twice -> (B, D)."""
        streams = torch.stack([face] if self.fusion is None else [face, context])  # both go through in one pass
        x = self.adapter(streams if streams.ndim == 4 else self.see(streams))  # (S, B, T, D)
        x = x[0] if self.fusion is None else self.fusion(*x)  # (B, T, D)
        return F.normalize(self.temporal(x).float(), dim=-1)

    def see(self, frames: Tensor) -> Tensor:
        """The image tower's features of frames, (..., 3, H, W) -> (..., D)."""
        x = (frames.flatten(end_dim=-4).float() - self.mean) / self.std
        x = self.visual(x.contiguous(memory_format=torch.channels_last))
        # Entries of size 1, not 1/sqrt(D): the corrections of adapter, fusion and temporal transformer grow
        # by about the learning rate a step, and would drown the features otherwise.
        x = F.normalize(x, dim=-1) * x.shape[-1] ** 0.5
        return x.unflatten(0, frames.shape[:-3])
