import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.schedules import before, from_epoch, learning_rate_factor, ramp


@pytest.mark.parametrize("epoch, weight", [
    (0, 0), (1.99, 0), (2, 0), (3, 0.15), (4, 0.3), (5.5, 0.525), (6, 0.6), (60, 0.6)])
def test_ramp_is_silent_then_linear_then_full(epoch, weight):
    assert ramp(0.6, warmup=2, length=4)(epoch) == pytest.approx(weight)


def test_ramp_without_a_length_is_a_step():
    weight = ramp(0.6, warmup=2, length=0)
    assert [weight(1.999), weight(2), weight(9)] == [0, 0.6, 0.6]


@given(st.floats(0, 100), st.floats(0, 100))
def test_before_and_from_epoch_share_out_training(end, epoch):
    assert before(end)(epoch) + from_epoch(end)(epoch) == 1
    assert before(end)(end) == 0


def test_warm_up_is_linear_and_never_nought():
    factor = [learning_rate_factor(epoch, 10, 2, (), 0.1) for epoch in (0, 0.5, 1, 1.5)]
    assert factor == pytest.approx([0.01, 0.25, 0.5, 0.75])


@pytest.mark.parametrize("warmup", [1e-3, 0.008, 0.02])
def test_a_short_warm_up_never_raises_the_rate(warmup):
    epochs = 0, warmup / 2, 0.99 * warmup
    assert [learning_rate_factor(epoch, 10, warmup, (20,), 0.1) for epoch in epochs] == [1, 1, 1]


def test_milestones_multiply():
    factor = [learning_rate_factor(epoch, 20, 0, (10, 15), 0.1) for epoch in (0, 9.99, 10, 14.9, 15, 19)]
    assert factor == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_falls_from_one_to_nought_after_the_warm_up():
    factor = [learning_rate_factor(epoch, 12, 2, (), 0.1) for epoch in (2, 4.5, 7, 9.5, 12)]
    assert factor == pytest.approx([1, 0.853553, 0.5, 0.146447, 0], abs=1e-6)
