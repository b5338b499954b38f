import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.losses import FocalLoss


def slow_focal(logits, target, alpha, gamma):
    """Value of each cell that counts, from lists (N, S) and (N)."""
    values = []
    for row, label in zip(logits, target, strict=True):
        if label >= 0:
            p = math.exp(row[label]) / sum(math.exp(x) for x in row)
            values.append(alpha[label] * (1 - p) ** gamma * -math.log(p))
    return values


@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=3), classes=st.integers(2, 6),
       gamma=st.floats(0, 5), seed=st.integers(0, 2**31))
def test_equals_the_formula_in_any_shape(shape, classes, gamma, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(*shape, classes, generator=generator)
    target = torch.randint(-1, classes, shape, generator=generator)
    alpha = torch.rand(classes, generator=generator).tolist()
    cells = slow_focal(logits.flatten(0, -2).tolist(), target.flatten().tolist(), alpha, gamma)
    expected = {"mean": sum(cells) / max(len(cells), 1), "sum": sum(cells)}
    for reduction, value in expected.items():
        loss = FocalLoss(alpha, gamma, reduction)(logits, target)
        assert loss.item() == pytest.approx(value, rel=1e-4, abs=1e-5)


def test_by_hand():
    logits = torch.tensor([[math.log(0.9), math.log(0.1)]])  # p = 0.9 and 0.1
    assert FocalLoss()(logits, torch.tensor([0])).item() == pytest.approx(0.01 * -math.log(0.9), rel=1e-4)
    assert FocalLoss([1.0, 3.0], gamma=1)(logits, torch.tensor([1])).item() == pytest.approx(
        3 * 0.9 * -math.log(0.1), rel=1e-5)


def test_gamma_zero_is_cross_entropy():
    logits, target = torch.randn(5, 4), torch.tensor([0, 3, -1, 2, 2])
    expected = F.cross_entropy(logits, target, ignore_index=-1)
    torch.testing.assert_close(FocalLoss(gamma=0)(logits, target), expected)


def test_no_reduction_keeps_the_shape_and_sets_ignored_cells_to_zero():
    target = torch.tensor([[0, -1, 2], [-1, 1, 1]])
    loss = FocalLoss(reduction="none")(torch.randn(2, 3, 4), target)
    assert loss.shape == target.shape
    assert ((loss == 0) == (target == -1)).all()


def test_another_ignore_index():
    logits = torch.randn(2, 3)
    kept = FocalLoss()(logits[1:], torch.tensor([2]))
    torch.testing.assert_close(FocalLoss(ignore_index=0)(logits, torch.tensor([0, 2])), kept)


@pytest.mark.parametrize("gamma", [0.3, 0.5, 1.0, 2.0])
def test_trap_gradient_at_certainty_with_fractional_gamma(gamma):
    logits = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    FocalLoss(gamma=gamma)(logits, torch.tensor([0])).backward()
    assert (logits.grad == 0).all()


def test_trap_mean_over_an_all_ignored_batch():
    logits = torch.randn(4, 3, requires_grad=True)
    loss = FocalLoss()(logits, torch.full((4,), -1))
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()


@settings(max_examples=10)
@given(gamma=st.floats(0, 3), seed=st.integers(0, 2**31))
def test_gradient_by_finite_differences(gamma, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 2, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    target = torch.randint(-1, 4, (3, 2), generator=generator)
    assert torch.autograd.gradcheck(lambda x: FocalLoss([1.0, 2, 3, 4], gamma)(x, target), logits)


@pytest.mark.parametrize("settings_", [{"gamma": -0.1}, {"reduction": "average"}])
def test_rejects_settings(settings_):
    with pytest.raises(ValueError, match=next(iter(settings_))):
        FocalLoss(**settings_)


@pytest.mark.parametrize("alpha, target", [([1.0, 2.0], [0]), (None, [0, 1])])
def test_rejects_shapes(alpha, target):
    with pytest.raises(ValueError, match="weights|do not match"):
        FocalLoss(alpha)(torch.randn(1, 3), torch.tensor(target))
