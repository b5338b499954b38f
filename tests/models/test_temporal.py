import math

import pytest
import torch

from models.temporal import TemporalTransformer, sinusoids
from utils.errors import UserError


def trained(pool: str) -> TemporalTransformer:
    torch.manual_seed(0)
    temporal = TemporalTransformer(16, 2, 4, pool, 0.0).eval()
    torch.nn.init.normal_(temporal.out.weight)
    torch.nn.init.normal_(temporal.query)
    return temporal


@pytest.mark.parametrize("pool", ["cls", "attention"])
@pytest.mark.parametrize("frames", [1, 2, 7, 40])
def test_starts_as_the_mean_over_any_number_of_frames(pool, frames):
    x = torch.randn(3, frames, 16)
    assert torch.allclose(TemporalTransformer(16, 1, 4, pool, 0.1)(x), x.mean(dim=1), atol=1e-6)


@pytest.mark.parametrize("pool", ["cls", "attention"])
def test_order_matters_once_it_has_learned(pool):
    temporal, x = trained(pool), torch.nn.functional.normalize(torch.randn(1, 5, 16), dim=-1)
    forward, backward = temporal(x), temporal(x.flip(1))
    assert (forward - backward).abs().max() > 1e-2
    assert torch.allclose(forward, temporal(x), atol=1e-6)


@pytest.mark.parametrize("pool", ["cls", "attention"])
def test_every_frame_and_parameter_is_used(pool):
    temporal, x = trained(pool), torch.randn(2, 4, 16, requires_grad=True)
    weights = torch.randn(16)
    (temporal(x) @ weights)[0].backward()
    assert (x.grad[0].abs().sum(dim=-1) > 0).all() and (x.grad[1] == 0).all()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in temporal.parameters())


def test_sinusoids_follow_vaswani():
    waves = sinusoids(6, 8, torch.device("cpu"))
    for position in range(6):
        for pair in range(4):
            angle = position / 10_000 ** (2 * pair / 8)
            assert waves[position, 2 * pair] == pytest.approx(math.sin(angle), abs=1e-5)
            assert waves[position, 2 * pair + 1] == pytest.approx(math.cos(angle), abs=1e-5)


def test_odd_widths():
    assert sinusoids(3, 7, torch.device("cpu")).shape == (3, 7)


def test_heads_must_divide_the_width():
    with pytest.raises(UserError, match="--temporal-heads 5: must divide the feature width, 16"):
        TemporalTransformer(16, 1, 5, "cls", 0.0)
