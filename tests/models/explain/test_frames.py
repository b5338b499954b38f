import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from models.explain.frames import frame_attention
from models.temporal import TemporalTransformer, sinusoids


def temporal(pool: str, layers: int = 2, seed: int = 0) -> TemporalTransformer:
    torch.manual_seed(seed)
    model = TemporalTransformer(8, layers, 2, pool, dropout=0.5).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
        model.query.normal_()
    return model


def by_hand(model: TemporalTransformer, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of one clip (T, D): the shares, and the feature that the same steps lead to. Two heads of four entries each."""
    x = frames + sinusoids(*frames.shape, frames.device)
    if model.pool == "cls":
        x = torch.cat([model.query[None], x])
    through = torch.eye(len(x))
    for layer in model.transformer.layers:
        normed = F.layer_norm(x, (8,), layer.norm1.weight, layer.norm1.bias)
        q, k, v = (normed @ layer.self_attn.in_proj_weight.T + layer.self_attn.in_proj_bias).split(8, dim=1)
        heads = [(q[:, h] @ k[:, h].T / 2).exp() for h in (slice(0, 4), slice(4, 8))]
        heads = [head / head.sum(dim=1, keepdim=True) for head in heads]
        through = (0.5 * (heads[0] + heads[1]) / 2 + 0.5 * torch.eye(len(x))) @ through
        x = x + layer.self_attn.out_proj(torch.cat([heads[0] @ v[:, :4], heads[1] @ v[:, 4:]], dim=1))
        x = x + layer.linear2(F.gelu(layer.linear1(F.layer_norm(x, (8,), layer.norm2.weight, layer.norm2.bias))))
    x = F.layer_norm(x, (8,), model.transformer.norm.weight, model.transformer.norm.bias)
    if model.pool == "cls":
        shares, pooled = through[0, 1:] / through[0, 1:].sum(), x[0]
    else:
        weights = (x @ model.query / math.sqrt(8)).exp()
        weights = weights / weights.sum()
        shares, pooled = weights @ through, weights @ x
    return shares, frames.mean(dim=0) + model.out(pooled)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(["cls", "attention"]), st.integers(1, 3), st.integers(1, 3), st.integers(1, 7),
       st.integers(0, 999))
def test_shares_equal_rollout_by_hand(pool, layers, clips, frames, seed):
    model = temporal(pool, layers, seed)
    x = torch.randn(clips, frames, 8)
    found = frame_attention(model, x)
    expected, features = map(torch.stack, zip(*(by_hand(model, clip) for clip in x)))
    assert torch.allclose(model(x), features, atol=1e-4)  # by_hand is the network itself
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(found.sum(dim=1), torch.ones(clips), atol=1e-5) and (found >= 0).all()


@pytest.mark.parametrize("pool", ["cls", "attention"])
def test_shares_have_no_gradient_and_leave_none(pool):
    model = temporal(pool)
    assert not frame_attention(model, torch.randn(1, 3, 8, requires_grad=True)).requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("pool", ["cls", "attention"])
def test_the_frame_that_queries_look_for_has_the_largest_share(pool):
    """All other frames are alike; keys of the first entry alone, which one frame has."""
    model = temporal(pool, layers=1)
    layer = model.transformer.layers[0]
    with torch.no_grad():
        for parameter in (*layer.linear2.parameters(), *layer.self_attn.out_proj.parameters()):
            parameter.zero_()
        layer.self_attn.in_proj_weight.zero_(), layer.self_attn.in_proj_bias.zero_()
        layer.self_attn.in_proj_bias[:8] = 4.0  # queries
        layer.self_attn.in_proj_weight[8:16, 0] = 4.0  # keys
        layer.norm1.weight.fill_(1), layer.norm1.bias.zero_()
        model.query.zero_()
    frames = torch.zeros(1, 6, 8)
    frames[0, 4, 0] = 100.0
    share = frame_attention(model, frames)[0]
    assert share.argmax() == 4 and share[4] > 0.5
