import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from utils.losses import LSR2


@given(batch=st.integers(1, 9), classes=st.integers(2, 12), smoothing=st.floats(0, 0.99),
       seed=st.integers(0, 2**31))
def test_equals_the_formula(batch, classes, smoothing, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(batch, classes, generator=generator)
    target = torch.randint(classes, (batch,), generator=generator)
    rows = []
    for row, label in zip(logits.double().tolist(), target.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(x) for x in row))
        uniform = sum(log_sum - x for x in row) / classes
        rows.append((1 - smoothing) * (log_sum - row[label]) + smoothing * uniform)
    assert LSR2(smoothing)(logits, target).item() == pytest.approx(sum(rows) / batch, rel=1e-4, abs=1e-5)


def test_equals_torch_and_is_plain_cross_entropy_without_smoothing():
    logits, target = torch.randn(6, 7), torch.randint(7, (6,))
    torch.testing.assert_close(LSR2()(logits, target), F.cross_entropy(logits, target, label_smoothing=0.05))
    torch.testing.assert_close(LSR2(0)(logits, target), F.cross_entropy(logits, target))


def test_mean_leaves_ignored_cells_out_in_any_shape():
    logits, target = torch.randn(4, 5, 3), torch.randint(3, (4, 5))
    target[1], target[3, 2] = -1, -1
    kept = F.cross_entropy(logits[target >= 0], target[target >= 0], label_smoothing=0.1)
    torch.testing.assert_close(LSR2(0.1)(logits, target), kept)


def test_trap_mixup_given_the_permutation_instead_of_the_permuted_labels():
    """lambda L(y_a) + (1 - lambda) L(y_b) is the cross entropy of the mixed labels, with y_b = y[order]."""
    logits, lam = torch.arange(20.0).view(4, 5) / 5, 0.3
    labels, order = torch.tensor([4, 0, 3, 3]), torch.tensor([2, 3, 1, 0])
    mixed = lam * F.one_hot(labels, 5) + (1 - lam) * F.one_hot(labels[order], 5)
    expected = -(mixed * logits.log_softmax(-1)).sum(-1).mean()
    loss = LSR2(0)
    torch.testing.assert_close(lam * loss(logits, labels) + (1 - lam) * loss(logits, labels[order]), expected)
    wrong = lam * loss(logits, labels) + (1 - lam) * loss(logits, order)
    assert (wrong - expected).item() == pytest.approx(0.7 * (4 / 5) / 4, rel=1e-4)
    with pytest.raises(IndexError):  # a permutation of a batch larger than the number of classes shows itself
        loss(torch.randn(8, 5), torch.randperm(8))


@pytest.mark.parametrize("smoothing", [-0.01, 1.0, float("nan")])
def test_rejects_smoothing(smoothing):
    with pytest.raises(ValueError, match="smoothing"):
        LSR2(smoothing)
