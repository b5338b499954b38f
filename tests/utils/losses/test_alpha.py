import pytest
import torch

from utils.losses import class_counts, inverse_frequency_alpha


def test_by_hand():
    expected = torch.tensor([0.5833, 1.1667, 2.3333])
    for counts in ([20000, 10000, 5000], torch.tensor([20000, 10000, 5000])):
        torch.testing.assert_close(inverse_frequency_alpha(counts), expected, atol=1e-4, rtol=0)


def test_weighted_counts_are_equal_and_sum_to_the_total():
    counts = torch.randint(1, 10000, (6,))
    weighted = inverse_frequency_alpha(counts) * counts
    torch.testing.assert_close(weighted, (counts.sum() / 6).expand(6))


def test_an_absent_class_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r": 1, 3$"):
        inverse_frequency_alpha([3, 0, 2, 0])
    with pytest.raises(ValueError, match=r": neutral$"):
        inverse_frequency_alpha([3, 0, 2], names=["negative", "neutral", "positive"])


def test_counts_leave_out_what_is_not_mentioned():
    labels = torch.tensor([[0, -1, 2], [2, -1, -1]])
    assert class_counts(labels, 4).tolist() == [1, 0, 2, 0]


def test_trap_counted_over_not_mentioned_cells_filled_as_neutral():
    """822 mentioned cells, 100 of them neutral (1), beside 2156 not mentioned: 2.74, and 0.44 once filled."""
    labels = torch.tensor([0] * 361 + [1] * 100 + [2] * 361 + [-1] * 2156)
    alpha = inverse_frequency_alpha(class_counts(labels, 3))
    assert alpha[1].item() == pytest.approx(2.74)
    filled = inverse_frequency_alpha(class_counts(labels.where(labels >= 0, 1), 3))
    assert filled[1].item() == pytest.approx(0.44, abs=1e-4)


def test_trap_counted_before_oversampling():
    """Balanced by sampling, the classes need no weight: weights from before would correct twice."""
    labels = torch.tensor([0] * 6 + [1] * 2)
    sampled = torch.tensor([0, 1, 2, 3, 6, 7, 6, 7])
    assert inverse_frequency_alpha(class_counts(labels[sampled], 2)).tolist() == [1.0, 1.0]
    assert inverse_frequency_alpha(class_counts(labels, 2)).tolist() == pytest.approx([8 / 12, 8 / 4])
