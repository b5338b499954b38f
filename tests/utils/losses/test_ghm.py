import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.losses import GHMCLoss, gradient_norm_stats


class SlowGHM:
    """The same loss, cell by cell, on lists (N, S) and (N)."""

    def __init__(self, bins, momentum):
        self.bins, self.momentum = bins, momentum
        self.average, self.updates = [0.0] * bins, [0] * bins

    def __call__(self, logits, target, train=True):
        cells = []  # (bin, cross entropy)
        for row, label in zip(logits, target, strict=True):
            if label >= 0:
                p = math.exp(row[label]) / sum(math.exp(x) for x in row)
                cells.append((min(int((1 - p) * self.bins), self.bins - 1), -math.log(p)))
        counts = [sum(b == k for b, _ in cells) for k in range(self.bins)]
        filled = [k for k in range(self.bins) if counts[k]]
        density = {}
        for k in filled:
            if train:
                self.average[k] = self.momentum * self.average[k] + (1 - self.momentum) * counts[k]
                self.updates[k] += 1
            never = self.updates[k] == 0
            density[k] = counts[k] if never else self.average[k] / (1 - self.momentum ** self.updates[k])
        return sum(ce / (density[k] * len(filled)) for k, ce in cells)


def logits_for(probs):
    """Two-class logits (N, 2) with p_y = probs for the label 0."""
    probs = torch.as_tensor(probs)
    return torch.stack((probs.log(), (1 - probs).log()), dim=-1)


@settings(max_examples=40)
@given(bins=st.integers(1, 12), momentum=st.floats(0, 0.95), steps=st.integers(1, 6),
       seed=st.integers(0, 2**31))
def test_equals_the_slow_reference_over_steps(bins, momentum, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    loss, slow = GHMCLoss(bins, momentum), SlowGHM(bins, momentum)
    for step in range(steps + 1):
        loss.train(step < steps)  # the last one in eval mode
        logits = 2 * torch.randn(3, 4, 5, generator=generator, dtype=torch.float64)
        target = torch.randint(-1, 5, (3, 4), generator=generator)
        expected = slow(logits.flatten(0, 1).tolist(), target.flatten().tolist(), train=step < steps)
        assert loss(logits, target).item() == pytest.approx(expected, rel=1e-4)


def test_first_step_by_hand():
    # Bins of 0.5: three easy cells and one hard one, so weights 4/(3*2) and 4/(1*2), of mean 1.
    probs = [0.9, 0.8, 0.7, 0.2]
    value = GHMCLoss(bins=2)(logits_for(probs), torch.zeros(4, dtype=torch.long))
    ce = [-math.log(p) for p in probs]
    assert value.item() == pytest.approx((4 / 6 * sum(ce[:3]) + 4 / 2 * ce[3]) / 4, rel=1e-5)


def test_weights_of_the_first_step_average_one():
    # The gradient by a cell's cross entropy is its weight / N, times 1 - p_y by the logit of its class.
    logits = logits_for(0.01 + 0.98 * torch.rand(50)).requires_grad_()
    target = torch.zeros(50, dtype=torch.long)
    GHMCLoss()(logits, target).backward()
    by_cross_entropy = -logits.grad[:, 0] / (1 - logits.detach().softmax(-1)[:, 0])
    assert by_cross_entropy.sum().item() == pytest.approx(1, rel=1e-4)


def test_a_bin_first_filled_late_is_corrected_by_its_own_updates():
    loss, easy = GHMCLoss(bins=2, momentum=0.75), torch.zeros(4, dtype=torch.long)
    for _ in range(4):
        loss(logits_for([0.9, 0.9, 0.9, 0.9]), easy)
    # The fifth batch is the first with hard cells: 3 of them. Easy: EMA of 4, 4, 4, 4, 1.
    density = 0.75 * 4 * (1 - 0.75**4) + 0.25 * 1
    density /= 1 - 0.75**5
    expected = -math.log(0.9) / (density * 2) + 3 * -math.log(0.2) / (3 * 2)
    assert loss(logits_for([0.9, 0.2, 0.2, 0.2]), easy).item() == pytest.approx(expected, rel=1e-5)
    assert loss.updates.tolist() == [5, 1]


def test_trap_gradient_norm_reaches_two_while_the_edges_stop_at_one():
    """The norm is 1 - p_y in [0, 1]: uniform p_y fill all bins alike, and a certain error the last."""
    probs = (torch.arange(100) + 0.5) / 100
    loss = GHMCLoss(bins=10, momentum=0)
    loss(logits_for(probs), torch.zeros(100, dtype=torch.long))
    assert loss.density.tolist() == [10.0] * 10
    loss(torch.tensor([[-500.0, 500.0]]), torch.tensor([0]))
    assert loss.density.tolist() == [10.0] * 9 + [1.0]


def test_trap_statistics_are_in_the_state_dict():
    loss, restored = GHMCLoss(), GHMCLoss()
    for _ in range(3):
        loss(torch.randn(8, 3), torch.randint(3, (8,)))
    restored.load_state_dict(loss.state_dict())
    logits, target = torch.randn(8, 3), torch.randint(3, (8,))
    assert loss(logits, target) == restored(logits, target)
    assert loss(logits, target) != GHMCLoss()(logits, target)


def test_trap_one_update_a_batch_however_many_aspects():
    loss = GHMCLoss()
    loss(torch.randn(16, 11, 3), torch.randint(3, (16, 11)))
    assert loss.updates.max() == 1
    assert (loss.density / (1 - 0.75)).sum().item() == pytest.approx(16 * 11)


def test_weights_have_no_gradient():
    logits, target = torch.randn(6, 3, dtype=torch.float64, requires_grad=True), torch.randint(3, (6,))
    GHMCLoss()(logits, target).backward()
    p = logits.detach().softmax(-1)
    p_y = p[torch.arange(6), target]
    index = ((1 - p_y) * 10).long()
    counts = torch.bincount(index, minlength=10)
    weight = 1 / (counts[index] * (counts > 0).sum())  # N / (density * filled), over N
    expected = weight.unsqueeze(-1) * (p - F.one_hot(target, 3))
    torch.testing.assert_close(logits.grad, expected)


def test_eval_updates_nothing_and_uses_what_training_left():
    loss, target = GHMCLoss(bins=2), torch.zeros(4, dtype=torch.long)
    loss(logits_for([0.9, 0.9, 0.9, 0.2]), target)
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    value = loss.eval()(logits_for([0.9, 0.2, 0.2, 0.2]), target)
    assert all((before[name] == value_).all() for name, value_ in loss.state_dict().items())
    assert value.item() == pytest.approx((-math.log(0.9) / 3 - 3 * math.log(0.2) / 1) / 2, rel=1e-5)


def test_eval_before_any_training_uses_the_batch():
    logits, target = torch.randn(8, 3), torch.randint(3, (8,))
    assert GHMCLoss().eval()(logits, target) == GHMCLoss()(logits, target)


def test_an_all_ignored_batch_leaves_the_statistics():
    loss = GHMCLoss()
    assert loss(torch.randn(2, 3), torch.full((2,), -1)) == 0
    assert loss.updates.sum() == 0 and loss.density.sum() == 0


@pytest.mark.parametrize("settings_", [{"bins": 0}, {"momentum": 1.0}, {"momentum": -0.1}])
def test_rejects_settings(settings_):
    with pytest.raises(ValueError, match=next(iter(settings_))):
        GHMCLoss(**settings_)


def test_rejects_shapes():
    with pytest.raises(ValueError, match="do not match"):
        GHMCLoss()(torch.randn(2, 3), torch.zeros(3, dtype=torch.long))


def test_gradient_norms_by_hand():
    """p_y of 0.95, 0.85, 0.55 and 0.05 are norms of 0.05, 0.15, 0.45 and 0.95; the fifth cell is ignored."""
    logits = logits_for([0.95, 0.85, 0.55, 0.05, 0.5])
    stats = gradient_norm_stats(logits, torch.tensor([0, 0, 0, 0, -1]), 4)
    assert {name: float(value) for name, value in stats.items()} == pytest.approx(
        {"min": 0.05, "mean": 0.4, "max": 0.95, "bin_00": 0.5, "bin_01": 0.25, "bin_02": 0, "bin_03": 0.25}, abs=1e-6)


@settings(max_examples=30)
@given(bins=st.integers(1, 12), seed=st.integers(0, 2**31))
def test_gradient_norm_stats_equal_a_slow_reference(bins, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(3, 4, 5, generator=generator, dtype=torch.float64)
    target = torch.randint(-1, 5, (3, 4), generator=generator)
    target[0, 0] = 2
    norms = [1 - math.exp(row[label]) / sum(map(math.exp, row))
             for row, label in zip(logits.flatten(0, 1).tolist(), target.flatten().tolist()) if label >= 0]
    stats = gradient_norm_stats(logits, target, bins)
    assert list(stats) == ["min", "mean", "max", *(f"bin_{number:02}" for number in range(bins))]
    shares = [sum(min(int(norm * bins), bins - 1) == number for norm in norms) / len(norms) for number in range(bins)]
    assert [float(value) for value in stats.values()] == pytest.approx(
        [min(norms), sum(norms) / len(norms), max(norms), *shares], abs=1e-6)


def test_gradient_norms_are_those_of_the_gradient():
    """Of cross entropy, in the true class's logit."""
    logits = torch.randn(6, 3, requires_grad=True)
    target = torch.tensor([0, 1, 2, 0, 1, 2])
    F.cross_entropy(logits, target, reduction="sum").backward()
    norms = logits.grad[range(6), target].abs()
    stats = gradient_norm_stats(logits, target, 5)
    torch.testing.assert_close(torch.stack([stats["min"], stats["mean"], stats["max"]]),
                               torch.stack([norms.min(), norms.mean(), norms.max()]))
    assert not any(value.requires_grad for value in stats.values())


def test_gradient_norms_of_no_cell():
    stats = gradient_norm_stats(torch.randn(2, 3), torch.tensor([-1, -1]), 3)
    assert {name: float(value) for name, value in stats.items()} == {
        "min": 1, "mean": 0, "max": 0, "bin_00": 0, "bin_01": 0, "bin_02": 0}
