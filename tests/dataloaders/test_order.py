import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.order import WINDOW, Draw, Order, class_weights


def draws(order, epoch=0):
    return [draw for batch in order.batches(epoch) for draw in batch]


def indices(order, epoch=0):
    return [[draw.index for draw in batch] for batch in order.batches(epoch)]


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 99), st.integers(0, 9), st.booleans())
def test_every_sample_comes_once_in_full_batches(samples, size, seed, epoch, shuffle):
    order = Order(samples, size, seed, shuffle)
    batches = order.batches(epoch)
    assert order.once and sorted(draw.index for draw in draws(order, epoch)) == list(range(samples))
    assert all(draw.epoch == epoch and draw.repeat == 0 for draw in draws(order, epoch))
    assert (
        len(batches) == len(order)
        and all(len(batch) == size for batch in batches[:-1])
        and len(batches[-1]) <= size
    )


def test_without_shuffle_samples_come_as_listed():
    assert Order(3, 2, 0, shuffle=False).batches(4) == [
        [Draw(4, 0, 0), Draw(4, 1, 0)],
        [Draw(4, 2, 0)],
    ]


STREAM = np.random.default_rng(0)
KINDS = {
    "plain": {},
    "weighted": dict(weights=class_weights([0] * 20 + [1] * 30)),
    "repeated": dict(repeats=STREAM.integers(1, 4, 50)),
    "by length": dict(lengths=STREAM.integers(1, 9, 50)),
    "both": dict(repeats=STREAM.integers(1, 4, 50), lengths=STREAM.integers(1, 9, 50)),
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_order_is_a_function_of_seed_and_epoch(options):
    def order(seed):
        return Order(50, 8, seed, shuffle=True, **options)

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
    order = Order(len(labels), 64, 0, shuffle=True, weights=class_weights(labels.tolist(), power))
    drawn = np.concatenate([[labels[d.index] for d in draws(order, epoch)] for epoch in range(20)])
    assert len(drawn) == 20 * 1025
    assert np.bincount(drawn) / len(drawn) == pytest.approx(expected, abs=0.015)


def test_classes_without_a_clip_do_no_harm():
    assert class_weights([0, 3, 3]).tolist() == [1, 0.5, 0.5]
    assert len(draws(Order(3, 2, 0, shuffle=True, weights=class_weights([0, 3, 3])))) == 3


def test_repeats_are_numbered_so_that_no_two_draws_are_equal():
    drawn = draws(Order(31, 4, 0, shuffle=True, weights=class_weights([0] * 30 + [1])))
    rare = [draw.repeat for draw in drawn if draw.index == 30]
    assert len(rare) > 5 and rare == list(range(len(rare)))
    assert len(set(drawn)) == len(drawn) == 31


cells = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 60)), min_size=1, max_size=40)


@given(cells, st.integers(1, 9), st.integers(0, 99), st.booleans(), st.booleans())
def test_repeats_say_how_often_a_sample_comes(samples, size, seed, shuffle, by_length):
    repeats, lengths = np.array(samples).T
    order = Order(len(samples), size, seed, shuffle, repeats=repeats, lengths=lengths if by_length else None)
    batches = order.batches(3)
    assert np.bincount([draw.index for batch in batches for draw in batch], minlength=len(samples)).tolist() == [
        *repeats]
    assert len(batches) == len(order) == -(-int(repeats.sum()) // size)
    assert sorted(map(len, batches))[1:] == [size] * (len(batches) - 1)
    assert order.once == (repeats == 1).all()
    drawn = [draw for batch in batches for draw in batch]
    for index, number in enumerate(repeats):
        assert [draw.repeat for draw in drawn if draw.index == index] == list(range(number))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(1, 9), st.integers(0, 99))
def test_batches_of_like_lengths_are_the_sorted_lengths_cut_up(lengths, size, seed):
    """All of an epoch is in one window here."""
    order = Order(len(lengths), size, seed, shuffle=True, lengths=np.array(lengths))
    found = sorted([lengths[i] for i in batch] for batch in indices(order))
    ranked = sorted(lengths)
    assert found == sorted(ranked[i : i + size] for i in range(0, len(ranked), size))


def test_like_lengths_are_sought_in_each_window_alone():
    """120 batches of 2 are windows of 50, 50 and 20 batches."""
    lengths = np.random.default_rng(3).integers(1, 1000, 240)
    plain, ranked = (Order(240, 2, 5, True, lengths=given) for given in (None, lengths))
    visits, expected = [i for batch in indices(plain) for i in batch], []
    for start in range(0, 240, 2 * WINDOW):
        window = sorted(lengths[visits[start : start + 2 * WINDOW]].tolist())
        expected += [window[i : i + 2] for i in range(0, len(window), 2)]
    assert sorted(lengths[batch].tolist() for batch in indices(ranked)) == sorted(expected)


def test_batches_of_like_lengths_come_in_a_random_order():
    lengths = np.arange(1, 101)
    order = Order(100, 4, 0, shuffle=True, lengths=lengths)
    for epoch in (0, 1):
        starts = [batch[0] for batch in indices(order, epoch)]
        assert starts != sorted(starts) and starts != sorted(starts, reverse=True)
    assert indices(order, 0) != indices(order, 1)


def test_lengths_do_not_touch_an_order_that_is_not_shuffled():
    assert indices(Order(5, 2, 0, shuffle=False, lengths=np.array([9, 1, 8, 2, 7]))) == [[0, 1], [2, 3], [4]]
