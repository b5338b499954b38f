import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightly.loss import NTXentLoss as LightlyNTXent
from pytorch_metric_learning.losses import NTXentLoss as MetricNTXent

from utils.losses import NTXentLoss


def metric_learning(z1, z2, temperature):
    labels = torch.arange(len(z1)).repeat(2)
    return MetricNTXent(temperature)(torch.cat((z1, z2)), labels)


def lightly(z1, z2, temperature):
    return LightlyNTXent(temperature)(z1, z2)


@settings(max_examples=25)
@given(batch=st.integers(2, 12), temperature=st.floats(0.05, 1), seed=st.integers(0, 2**31))
@pytest.mark.parametrize("reference", [lightly, metric_learning])
def test_value_and_gradient_equal_others(reference, batch, temperature, seed):
    generator = torch.Generator().manual_seed(seed)
    ours = [torch.randn(batch, 8, generator=generator).requires_grad_() for _ in range(2)]
    theirs = [z.detach().clone().requires_grad_() for z in ours]
    value, expected = NTXentLoss(temperature)(*ours), reference(*theirs, temperature)
    value.backward()
    expected.backward()
    torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-4)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-3, atol=1e-4)


def test_by_hand():
    # Two samples on orthogonal axes, both views alike: the positive scores 1/0.5, two negatives score 0.
    z = torch.eye(2)
    assert NTXentLoss()(3 * z, z).item() == pytest.approx(-math.log(math.e**2 / (math.e**2 + 2)), rel=1e-5)


def test_batch_of_one_is_zero_with_a_gradient():
    z1, z2 = torch.randn(1, 4, requires_grad=True), torch.randn(1, 4, requires_grad=True)
    loss = NTXentLoss()(z1, z2)
    loss.backward()
    assert loss == 0 and (z1.grad == 0).all() and (z2.grad == 0).all()


def test_rejects_temperature_and_shapes():
    with pytest.raises(ValueError, match="temperature"):
        NTXentLoss(-0.5)
    with pytest.raises(ValueError, match="one shape"):
        NTXentLoss()(torch.randn(2, 4), torch.randn(3, 4))
