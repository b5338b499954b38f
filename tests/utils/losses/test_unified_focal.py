import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.losses import UnifiedFocalLoss


def slow_unified(logits, target, weight, delta, gamma, rare=None, smooth=1e-6):
    probs = [[math.exp(x) / sum(map(math.exp, row)) for x in row] for row in logits]
    cells = [(p, y) for p, y in zip(probs, target, strict=True) if y >= 0]
    ce = 0.0
    for p, y in cells:
        suppressed = (1 - p[y]) ** (1 - gamma) * -math.log(p[y])
        if rare is None:
            ce += delta * suppressed
        else:
            ce += delta * -math.log(p[y]) if y in rare else (1 - delta) * suppressed
    tversky, present = 0.0, sorted({y for _, y in cells})
    for c in present:
        tp = sum(p[c] for p, y in cells if y == c)
        fn = sum(1 - p[c] for p, y in cells if y == c)
        fp = sum(p[c] for p, y in cells if y != c)
        index = (tp + smooth) / (tp + delta * fn + (1 - delta) * fp + smooth)
        tversky += (1 - index) ** gamma if rare is None or c in rare else 1 - index
    return weight * ce / max(len(cells), 1) + (1 - weight) * tversky / max(len(present), 1)


unit = st.floats(0, 1)


@settings(max_examples=60)
@given(weight=unit, delta=st.floats(0.05, 0.95), gamma=unit, classes=st.integers(2, 5),
       asymmetric=st.booleans(), seed=st.integers(0, 2**31))
def test_equals_the_formula(weight, delta, gamma, classes, asymmetric, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 4, classes, generator=generator)
    target = torch.randint(-1, classes, (3, 4), generator=generator)
    rare = [classes - 1] if asymmetric else None
    loss = UnifiedFocalLoss(weight, delta, gamma, asymmetric, rare)(logits, target)
    slow = slow_unified(logits.flatten(0, 1).tolist(), target.flatten().tolist(), weight, delta, gamma, rare)
    assert loss.item() == pytest.approx(slow, rel=1e-3, abs=1e-5)


def test_by_hand():
    # p_y = 0.8 for class 0 and 0.6 for class 1, so
    # TI_0 = 0.8 / (0.8 + 0.6*0.2 + 0.4*0.4) and TI_1 = 0.6 / (0.6 + 0.6*0.4 + 0.4*0.2)
    logits = torch.tensor([[0.8, 0.2], [0.4, 0.6]]).log()
    tversky = (math.sqrt(1 - 0.8 / 1.08) + math.sqrt(1 - 0.6 / 0.92)) / 2
    ce = 0.6 * (math.sqrt(0.2) * -math.log(0.8) + math.sqrt(0.4) * -math.log(0.6)) / 2
    value = UnifiedFocalLoss()(logits, torch.tensor([0, 1]))
    assert value.item() == pytest.approx(0.5 * ce + 0.5 * tversky, rel=1e-4)


def test_weight_one_and_gamma_one_is_delta_times_cross_entropy():
    logits, target = torch.randn(6, 3), torch.randint(3, (6,))
    value = UnifiedFocalLoss(weight=1, delta=0.6, gamma=1)(logits, target)
    torch.testing.assert_close(value, 0.6 * F.cross_entropy(logits, target))


def test_absent_classes_do_not_count():
    logits = torch.tensor([[9.0, 0.0, -90.0], [0.0, 9.0, -90.0]])
    both = UnifiedFocalLoss(weight=0)(logits, torch.tensor([0, 1]))
    two_classes = UnifiedFocalLoss(weight=0)(logits[:, :2], torch.tensor([0, 1]))
    torch.testing.assert_close(both, two_classes)  # a third, absent class would count 1 - 0, or 1 - 1


@pytest.mark.parametrize("asymmetric", [False, True])
def test_gradient_at_perfect_prediction_is_finite(asymmetric):
    logits = torch.tensor([[300.0, 0, 0], [0, 300, 0], [0, 0, 300]], requires_grad=True)
    rare = [2] if asymmetric else None
    loss = UnifiedFocalLoss(gamma=0.3, asymmetric=asymmetric, rare=rare)(logits, torch.arange(3))
    loss.backward()
    assert 0 <= loss < 0.01 and logits.grad.isfinite().all()


@pytest.mark.parametrize("rare", [None, [0, 2]])
def test_gradient_by_finite_differences(rare):
    logits, target = torch.randn(4, 3, dtype=torch.float64, requires_grad=True), torch.tensor([0, 1, 2, -1])
    loss = UnifiedFocalLoss(0.3, 0.6, 0.4, rare is not None, rare)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), logits)


@pytest.mark.parametrize("settings_", [
    {"weight": 1.1}, {"delta": -0.1}, {"gamma": 1.5}, {"asymmetric": True}, {"rare": [1]},
    {"asymmetric": True, "rare": []}, {"asymmetric": True, "rare": [-1]},
])
def test_rejects_settings(settings_):
    with pytest.raises(ValueError, match="weight|delta|gamma|rare"):
        UnifiedFocalLoss(**settings_)


def test_rejects_a_rare_class_that_does_not_exist_and_shapes():
    with pytest.raises(ValueError, match="rare"):
        UnifiedFocalLoss(asymmetric=True, rare=[3])(torch.randn(2, 3), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="do not match"):
        UnifiedFocalLoss()(torch.randn(2, 3), torch.tensor([0]))


def test_one_rare_class_may_be_given_as_a_number():
    logits, target = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    assert torch.equal(UnifiedFocalLoss(asymmetric=True, rare=0)(logits, target),
                       UnifiedFocalLoss(asymmetric=True, rare=[0])(logits, target))
