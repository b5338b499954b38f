from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.clips import Clip
from dataloaders.subset import labelled_subset, shuffled_by_class
from utils.seeding import SUBSET, generator

classes = st.lists(st.integers(0, 5), min_size=1, max_size=120)
fractions = st.floats(0.001, 0.999)
seeds = st.integers(0, 2**31)


def clips(labels):
    return [Clip(str(i), Path(str(i)), label) for i, label in enumerate(labels)]


def counts(chosen):
    return dict(Counter(clip.label for clip in chosen))


@pytest.mark.parametrize("sizes, fraction, numbers", [
    ([100, 100], 0.1, [10, 10]),
    ([100, 100], 0.001, [1, 1]),  # 0.1 is one
    ([180, 20], 0.1, [10, 10]),  # as many of each
    ([190, 6, 4], 0.1, [7, 6, 4]),  # 20 / 3, where there are that many
    ([30, 30], 0.5, [15, 15]),
    ([5, 5, 5], 0.3, [2, 2, 2]),  # 1.5 is 2
    ([300, 100], 0.99, [198, 100]),
    ([300, 100], 1.0, [300, 100]),  # not cut
])
def test_as_many_of_each_class(sizes, fraction, numbers):
    chosen = labelled_subset(clips(np.repeat(range(len(sizes)), sizes).tolist()), fraction, 0)
    assert counts(chosen) == dict(enumerate(numbers))


@given(classes, fractions, seeds)
def test_a_subset_is_balanced_in_order_and_fixed_by_the_seed(labels, fraction, seed):
    every = clips(labels)
    chosen = labelled_subset(every, fraction, seed)
    number = max(1, round(fraction * len(labels) / len(set(labels))))
    assert counts(chosen) == {label: min(number, count) for label, count in Counter(labels).items()}
    assert chosen == [clip for clip in every if clip in chosen] == labelled_subset(every, fraction, seed)


@given(classes, fractions, fractions, seeds)
def test_subsets_are_nested(labels, one, other, seed):
    every = clips(labels)
    few, many = (labelled_subset(every, fraction, seed) for fraction in sorted((one, other)))
    assert set(few) <= set(many) <= set(labelled_subset(every, 1.0, seed))
    assert labelled_subset(every, 1.0, seed) == every


def test_every_seed_and_class_has_a_draw_of_its_own():
    every = clips([0, 1] * 100)
    drawn = [labelled_subset(every, 0.1, seed) for seed in range(20)]
    assert len(set(map(tuple, drawn))) == 20
    assert len(set().union(*drawn)) > 150  # of 200 clips, 20 at a time
    places = [{int(clip.id) // 2 for clip in drawn[0] if clip.label == label} for label in (0, 1)]
    assert places[0] != places[1]


def test_a_subset_begins_each_classes_permutation():
    chosen = {int(clip.id) for clip in labelled_subset(clips([0] * 20 + [1] * 20), 0.25, 3)}
    assert chosen == {*generator(3, SUBSET, 0).permutation(20)[:5], *(20 + generator(3, SUBSET, 1).permutation(20)[:5])}


def test_the_clips_of_other_classes_make_no_difference_to_a_class():
    one = [clip for clip in labelled_subset(clips([0] * 20 + [1] * 20), 0.5, 3) if clip.label == 0]
    assert one == [clip for clip in labelled_subset(clips([0] * 20 + [2] * 20), 0.5, 3) if clip.label == 0]


@given(classes, seeds)
def test_positions_by_class_are_permutations_of_seed_use_and_label(labels, seed):
    by_class = shuffled_by_class(labels, seed, SUBSET)
    assert list(by_class) == sorted(set(labels))
    for label, places in by_class.items():
        every = [place for place, other in enumerate(labels) if other == label]
        assert places == generator(seed, SUBSET, label).permutation(every).tolist()
