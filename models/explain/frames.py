"""Which frames the temporal transformer looks at: attention rollout (Abnar and Zuidema, 2020, arXiv 2005.00928)."""

import math

import torch
from torch import Tensor

from models.temporal import TemporalTransformer, sinusoids


@torch.no_grad()
def frame_attention(temporal: TemporalTransformer, frames: Tensor) -> Tensor:
    """(B, T, D) frame features -> (B, T), shares that add up to 1.

    Attention of all layers, heads averaged, each mixed with its residual connection half and half.
    """
    x = frames + sinusoids(frames.shape[1], frames.shape[2], frames.device)  # (B, T, D)
    if temporal.pool == "cls":
        x = torch.cat([temporal.query.expand(len(x), 1, -1), x], dim=1)  # (B, 1 + T, D)
    rollout = torch.eye(x.shape[1], device=x.device).expand(len(x), -1, -1)
    for layer in temporal.transformer.layers:
        normed = layer.norm1(x)
        attention = layer.self_attn(normed, normed, normed, need_weights=True)[1]  # (B, L, L)
        rollout = (attention + torch.eye(x.shape[1], device=x.device)) / 2 @ rollout
        x = layer(x)
    if temporal.pool == "cls":
        shares = rollout[:, 0, 1:]
    else:
        x = temporal.transformer.norm(x)
        weights = (x @ temporal.query / math.sqrt(x.shape[-1])).softmax(dim=1)  # (B, T)
        shares = torch.einsum("bt,bts->bs", weights, rollout)
    return shares / shares.sum(dim=1, keepdim=True)
