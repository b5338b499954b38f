import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.losses import DecorrelationLoss


def slow_decorrelation(features):
    """Mean squared correlation of all pairs of channels, by torch.corrcoef in float64."""
    rows = features.double()
    correlation = torch.corrcoef((rows / rows.norm(dim=1, keepdim=True)).T)
    dim = len(correlation)
    pairs = [correlation[i, j].item() ** 2 for i in range(dim) for j in range(dim) if i != j]
    return sum(pairs) / len(pairs)


@given(batch=st.integers(3, 20), dim=st.integers(2, 10), seed=st.integers(0, 2**31))
def test_equals_corrcoef(batch, dim, seed):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, dim, generator=generator)
    value = DecorrelationLoss()(features).item()
    assert value == pytest.approx(slow_decorrelation(features), rel=1e-2, abs=1e-4)
    assert 0 <= value <= 1 + 1e-5


def test_by_hand():
    # Rows of length 1 after normalising. Channels 0 and 1 rise and fall together, 2 is independent of both.
    features = torch.tensor([[1.0, 1, 1], [1, 1, -1], [-1, -1, 1], [-1, -1, -1]])
    assert DecorrelationLoss()(features).item() == pytest.approx(1 / 3)
    assert DecorrelationLoss()(features[:, 1:]).item() == pytest.approx(0)
    assert DecorrelationLoss()(features[:, :2]).item() == pytest.approx(1)


@settings(max_examples=30)
@given(rows=st.integers(1, 9), batches=st.lists(st.integers(1, 12), min_size=1, max_size=5),
       seed=st.integers(0, 2**31))
def test_rows_are_the_last_ones_of_training(rows, batches, seed):
    generator = torch.Generator().manual_seed(seed)
    loss, seen = DecorrelationLoss(rows, dim=4), torch.empty(0, 4)
    for batch in batches:
        features = torch.randn(batch, 4, generator=generator)
        value = loss(features).item()
        joined = torch.cat((seen[-rows:], features))
        assert value == pytest.approx(DecorrelationLoss()(joined).item(), rel=1e-4, abs=1e-5)
        seen = torch.cat((seen, features))
        assert loss.count == min(len(seen), rows)
        torch.testing.assert_close(loss.memory[rows - loss.count:], seen[-rows:])


def test_remembered_rows_have_no_gradient():
    loss = DecorrelationLoss(rows=4, dim=3)
    first, second = torch.randn(4, 3, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    loss(first)
    loss(second).backward()
    assert first.grad is None
    assert second.grad.abs().sum() > 0


def test_eval_reads_the_rows_and_leaves_them():
    loss = DecorrelationLoss(rows=4, dim=3)
    first, second = torch.randn(4, 3), torch.randn(2, 3)
    loss(first)
    value = loss.eval()(second)
    torch.testing.assert_close(value, DecorrelationLoss()(torch.cat((first, second))))
    torch.testing.assert_close(loss.memory, first)


def test_the_width_may_come_from_the_first_batch():
    told, untold = DecorrelationLoss(4, dim=3), DecorrelationLoss(4)
    for features in torch.randn(3, 2, 3):
        assert told(features) == untold(features)
    with pytest.raises(ValueError, match="must be"):
        untold(torch.randn(2, 5))


@pytest.mark.parametrize("dim", [3, None])
def test_state_dict_round_trip(dim):
    loss, restored = DecorrelationLoss(5, dim=3), DecorrelationLoss(5, dim=dim)
    loss(torch.randn(3, 3))
    restored.load_state_dict(loss.state_dict())
    features = torch.randn(2, 3)
    assert loss(features) == restored(features) != DecorrelationLoss()(features)


def test_constant_channels_count_as_uncorrelated():
    features = torch.tensor([[0.6, 0.48, 0.64], [0.6, -0.48, 0.64], [0.6, 0.48, -0.64], [0.6, -0.48, 0.64]])
    features = features.requires_grad_()
    loss = DecorrelationLoss()(features)
    loss.backward()
    correlation = torch.corrcoef(features.detach()[:, 1:].T)[0, 1]  # the only pair that is left
    assert loss.item() == pytest.approx(correlation.item() ** 2 / 3, rel=1e-4)
    assert features.grad.isfinite().all()


def test_a_single_row_is_zero_with_a_gradient():
    features = torch.randn(1, 4, requires_grad=True)
    loss = DecorrelationLoss()(features)
    loss.backward()
    assert loss == 0 and (features.grad == 0).all()


def test_gradient_by_finite_differences():
    features = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(DecorrelationLoss(), features)


def test_rejects_settings_and_shapes():
    with pytest.raises(ValueError, match="rows"):
        DecorrelationLoss(rows=-1)
    with pytest.raises(ValueError, match="must be"):
        DecorrelationLoss(rows=2, dim=4)(torch.randn(3, 5))
    with pytest.raises(ValueError, match="must be"):
        DecorrelationLoss()(torch.randn(3, 5, 2))
