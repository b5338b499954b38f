import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from utils.losses import MutualInformationLoss


def slow_info_nce(first, second, temperature):
    """One direction, from lists (C, D) of unit vectors."""
    total = 0.0
    for i, row in enumerate(first):
        scores = [sum(a * b for a, b in zip(row, other, strict=True)) / temperature for other in second]
        total += math.log(sum(math.exp(s) for s in scores)) - scores[i]
    return total / len(first)


@given(classes=st.integers(1, 8), temperature=st.floats(0.05, 2), seed=st.integers(0, 2**31))
def test_equals_the_formula(classes, temperature, seed):
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(classes, 6, generator=generator) for _ in range(2))
    unit = [(x / x.norm(dim=1, keepdim=True)).tolist() for x in (first, second)]
    expected = (slow_info_nce(*unit, temperature) + slow_info_nce(*unit[::-1], temperature)) / 2
    value = MutualInformationLoss(temperature)(5 * first, second).item()
    assert value == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_is_log_c_where_nothing_is_told_apart_and_small_where_all_is():
    assert MutualInformationLoss()(torch.ones(7, 4), torch.randn(1, 4).expand(7, 4)).item() == pytest.approx(
        math.log(7), rel=1e-5)
    expected = math.log(1 + 6 * math.exp(-1 / 0.07))
    assert MutualInformationLoss()(torch.eye(7), torch.eye(7)).item() == pytest.approx(expected, rel=0.1)


def test_gradient_by_finite_differences():
    learned, handcrafted = (torch.randn(4, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(MutualInformationLoss(0.5), (learned, handcrafted))


def test_rejects_temperature_and_shapes():
    with pytest.raises(ValueError, match="temperature"):
        MutualInformationLoss(0)
    with pytest.raises(ValueError, match="one shape"):
        MutualInformationLoss()(torch.randn(3, 4), torch.randn(4, 4))
