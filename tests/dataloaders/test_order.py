import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.order import Draw, Order


def draws(order, epoch=0):
    return [draw for batch in order.batches(epoch) for draw in batch]


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.integers(1, 9),
    st.integers(0, 99),
    st.integers(0, 9),
    st.booleans(),
)
def test_every_clip_comes_once_in_full_batches(labels, size, seed, epoch, shuffle):
    order = Order(labels, size, seed, shuffle)
    batches = order.batches(epoch)
    assert sorted(draw.index for draw in draws(order, epoch)) == list(range(len(labels)))
    assert all(draw.epoch == epoch and draw.repeat == 0 for draw in draws(order, epoch))
    assert (
        len(batches) == len(order)
        and all(len(batch) == size for batch in batches[:-1])
        and len(batches[-1]) <= size
    )


def test_without_shuffle_clips_come_as_listed():
    assert Order([1, 0, 1], 2, 0, shuffle=False).batches(4) == [
        [Draw(4, 0, 0), Draw(4, 1, 0)],
        [Draw(4, 2, 0)],
    ]


@pytest.mark.parametrize("weighted", [False, True])
def test_order_is_a_function_of_seed_and_epoch(weighted):
    def order(seed):
        return Order([0] * 20 + [1] * 30, 8, seed, shuffle=True, weighted=weighted)

    used = order(1)
    used.batches(0), used.batches(7)
    assert used.batches(3) == order(1).batches(3)  # whatever was asked for before
    assert [d.index for d in draws(order(1), 3)] != [d.index for d in draws(order(1), 4)]
    assert draws(order(1), 3) != draws(order(2), 3)


@pytest.mark.parametrize(
    "power, expected",
    [
        (1.0, [1 / 3, 1 / 3, 1 / 3]),
        (0.5, [30 / 45, 10 / 45, 5 / 45]),  # square roots of the counts
        (0.0, [900 / 1025, 100 / 1025, 25 / 1025]),
    ],
)
def test_weighted_sampler_gives_the_shares_of_its_power(power, expected):
    labels = np.repeat([0, 1, 2], [900, 100, 25])
    order = Order(labels.tolist(), 64, 0, shuffle=True, weighted=True, power=power)
    drawn = np.concatenate([[labels[d.index] for d in draws(order, epoch)] for epoch in range(20)])
    assert len(drawn) == 20 * 1025
    assert np.bincount(drawn) / len(drawn) == pytest.approx(expected, abs=0.015)


def test_classes_without_a_clip_do_no_harm():
    order = Order([0, 3, 3], 2, 0, shuffle=True, weighted=True)
    assert len(draws(order)) == 3


def test_repeats_are_numbered_so_that_no_two_draws_are_equal():
    drawn = draws(Order([0] * 30 + [1], 4, 0, shuffle=True, weighted=True))
    rare = [draw.repeat for draw in drawn if draw.index == 30]
    assert len(rare) > 5 and rare == list(range(len(rare)))
    assert len(set(drawn)) == len(drawn) == 31
