import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.thinned import Thinned


def joined(most, number):
    """Items that are tuples of what was added for them."""
    thinned = Thinned(most, operator.add)
    for item in range(number):
        thinned.add((item,))
    return thinned.items


@pytest.mark.parametrize("number, expected", [
    (0, []), (4, [(0,), (1,), (2,), (3,)]), (5, [(0, 1), (2, 3), (4,)]), (6, [(0, 1), (2, 3), (4, 5)]),
    (8, [(0, 1), (2, 3), (4, 5), (6, 7)]), (9, [(0, 1, 2, 3), (4, 5, 6, 7), (8,)]),
    (17, [tuple(range(8)), tuple(range(8, 16)), (16,)])])
def test_by_hand(number, expected):
    assert joined(4, number) == expected


@given(st.integers(1, 8).map(lambda half: 2 * half), st.integers(0, 400))
def test_all_are_kept_in_order_in_at_most_so_many_items_of_one_size(most, number):
    items = joined(most, number)
    assert [part for item in items for part in item] == list(range(number)) and len(items) <= most
    sizes = [len(item) for item in items]
    assert len(set(sizes[:-1])) <= 1 and all(size & (size - 1) == 0 and size >= sizes[-1] for size in sizes[:-1])
    assert number <= most or len(items) > most / 2


def test_it_grows_no_further_and_joins_each_item_about_once():
    calls = []
    thinned = Thinned(100, lambda a, b: calls.append(1) or max(a, b))
    lengths = set()
    for item in range(100_000):
        thinned.add(item)
        lengths.add(len(thinned.items))
    assert lengths == set(range(1, 101)) and thinned.items == sorted(thinned.items)
    assert len(calls) == 100_000 - len(thinned.items)  # as many as there are fewer


def test_what_is_joined_may_be_a_choice():
    thinned = Thinned(2, lambda earlier, later: earlier)
    for item in "abcdefghi":
        thinned.add(item)
    assert thinned.items == ["a", "i"]
