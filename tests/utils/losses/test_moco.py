import math
from collections import deque

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.losses import MoCoLoss
from utils.losses.moco import moco_loss


def unit(rows):
    return rows / rows.norm(dim=-1, keepdim=True)


def slow_moco(query, key, labels, queue, temperature):
    """`queue` holds (unit key as a list, label)."""
    def dot(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    total = 0.0
    for q, k, label in zip(unit(query).tolist(), unit(key).tolist(), labels.tolist(), strict=True):
        scores = [dot(q, k)] + [dot(q, old) for old, old_label in queue if old_label != label]
        total += math.log(sum(math.exp(s / temperature) for s in scores)) - scores[0] / temperature
    return total / len(query)


def oldest_first(loss):
    """(keys, labels) of the filled part of the queue in the order they came."""
    count, pointer, size = loss.count.item(), loss.pointer.item(), loss.queue_size
    order = [(pointer - count + i) % size for i in range(count)]
    return loss.queue[order], loss.queue_labels[order]


@settings(max_examples=40)
@given(size=st.integers(1, 9), batches=st.lists(st.integers(1, 12), min_size=1, max_size=6),
       seed=st.integers(0, 2**31))
def test_value_and_queue_equal_a_deque_at_any_batch_size(size, batches, seed):
    generator = torch.Generator().manual_seed(seed)
    loss, queue = MoCoLoss(4, size, temperature=0.3), deque(maxlen=size)
    for batch in batches:
        query, key = (torch.randn(batch, 4, generator=generator) for _ in range(2))
        labels = torch.randint(3, (batch,), generator=generator)
        expected = slow_moco(query, key, labels, queue, 0.3)
        assert loss(query, key, labels).item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
        queue.extend(zip(unit(key).tolist(), labels.tolist(), strict=True))
        keys, key_labels = oldest_first(loss)
        torch.testing.assert_close(keys, torch.tensor([k for k, _ in queue]))
        assert key_labels.tolist() == [label for _, label in queue]


def test_wraps_around_slot_by_slot():
    loss = MoCoLoss(dim=1, queue_size=5)
    for start in (0, 3, 6):
        loss.enqueue(torch.ones(3, 1), torch.arange(start, start + 3))
    assert loss.queue_labels.tolist() == [5, 6, 7, 8, 4]
    assert (loss.pointer.item(), loss.count.item()) == (4, 5)


def test_entries_of_the_same_class_are_masked():
    key = torch.tensor([[1.0, 0.0]])
    loss = MoCoLoss(2, 8, temperature=1)
    loss.enqueue(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([2, 5]))
    for label, denominator in ((2, 1 + 1 / math.e), (5, 2), (0, 2 + 1 / math.e)):
        value = loss.contrast(key, key, torch.tensor([label])).item()
        assert value == pytest.approx(math.log(denominator), rel=1e-5)


def test_only_the_filled_part_counts():
    """An empty slot, a row of zeros, would add exp(0) to the denominator."""
    query, key = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    loss = MoCoLoss(2, 100, temperature=1)
    loss.enqueue(torch.tensor([[-1.0, 0.0]]), torch.tensor([1]))
    value = loss.contrast(query, key, torch.tensor([0])).item()
    assert value == pytest.approx(math.log(1 + 1 / math.e), rel=1e-5)
    queue, queue_labels = torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), torch.tensor([1, 1])
    labels, count = torch.tensor([0]), torch.tensor(1)
    assert moco_loss(query, key, labels, queue, queue_labels, count, 1.0).item() == pytest.approx(value)


def test_empty_queue_is_zero_with_a_gradient():
    query = torch.randn(3, 4, requires_grad=True)
    loss = MoCoLoss(4)(query, torch.randn(3, 4), torch.tensor([0, 1, 2]))
    loss.backward()
    assert loss == 0 and (query.grad == 0).all()


def test_training_enqueues_after_the_contrast_and_eval_does_not():
    query, key, labels = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4), torch.tensor([0, 1, 2])
    loss = MoCoLoss(4, 8)
    loss.contrast(query, key, labels)
    assert loss.count == 0
    assert loss(query, key, labels) == 0  # a batch is no negative of its own
    assert loss.count == 3
    before = loss.eval().queue.clone()
    loss(query, torch.randn(3, 4), labels)
    assert loss.count == 3 and (loss.queue == before).all()


def test_backward_after_enqueue_uses_the_queue_of_the_contrast():
    loss, labels = MoCoLoss(4, 3, temperature=0.5), torch.tensor([0, 1, 2])
    loss.enqueue(torch.randn(3, 4), labels)
    query, key = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    expected, = torch.autograd.grad(loss.contrast(query, key, labels), query)
    loss(query, key, labels).backward()  # overwrites the whole queue before backward
    torch.testing.assert_close(query.grad, expected)
    assert key.grad is None and expected.abs().sum() > 0
    assert not loss.queue.requires_grad


def test_gradient_by_finite_differences():
    loss = MoCoLoss(3, 6, temperature=0.5)
    loss.enqueue(torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1]))
    query, key = torch.randn(2, 4, 3, dtype=torch.float64)
    query.requires_grad_()
    assert torch.autograd.gradcheck(lambda q: loss.contrast(q, key, torch.tensor([0, 1, 2, -1])), query)


def test_unlabelled_samples_are_neither_anchors_nor_negatives():
    query, key = torch.randn(2, 4), torch.randn(2, 4)
    loss = MoCoLoss(4, 8, temperature=1)
    loss.enqueue(torch.randn(3, 4), torch.tensor([0, 1, 2]))
    expected = loss.contrast(query[:1], key[:1], torch.tensor([1]))
    loss.enqueue(torch.randn(2, 4), torch.tensor([-1, -1]))
    torch.testing.assert_close(loss.contrast(query, key, torch.tensor([1, -1])), expected)


def test_state_dict_round_trip():
    loss, restored = MoCoLoss(4, 5, temperature=1), MoCoLoss(4, 5, temperature=1)
    for _ in range(2):
        loss(torch.randn(3, 4), torch.randn(3, 4), torch.tensor([0, 1, 2]))
    restored.load_state_dict(loss.state_dict())
    for _ in range(2):  # the second shows whether the pointer came along
        batch = torch.randn(3, 4), torch.randn(3, 4), torch.tensor([2, 0, 1])
        assert loss(*batch) == restored(*batch) > 0
    assert (loss.queue == restored.queue).all()


@pytest.mark.parametrize("settings_", [{"dim": 0}, {"queue_size": 0}, {"temperature": 0}])
def test_rejects_settings(settings_):
    with pytest.raises(ValueError, match=next(iter(settings_))):
        MoCoLoss(**{"dim": 4, **settings_})


def test_rejects_shapes():
    with pytest.raises(ValueError, match="one shape"):
        MoCoLoss(4)(torch.randn(2, 4), torch.randn(3, 4), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="labels"):
        MoCoLoss(4)(torch.randn(2, 4), torch.randn(2, 4), torch.tensor([0]))
