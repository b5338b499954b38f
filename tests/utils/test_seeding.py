import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from utils.seeding import AUGMENT, INITIAL, ORDER, SPLIT, STEP, SUBSET, generator, seed_torch

counters = st.lists(st.integers(0, 10**6), min_size=1, max_size=3)


@given(st.integers(0, 2**31), counters)
def test_a_stream_depends_on_its_arguments_only(seed, counters):
    first = generator(seed, AUGMENT, *counters).random(4)
    np.random.seed(1)
    generator(seed + 1, AUGMENT, *counters).random(100)
    assert np.array_equal(first, generator(seed, AUGMENT, *counters).random(4))


@given(st.integers(0, 2**31), st.integers(0, 10**6), st.integers(0, 10**6))
def test_seed_use_and_each_counter_change_the_stream(seed, a, b):
    arguments = [(seed, use, a, b) for use in (ORDER, AUGMENT, STEP, SPLIT, INITIAL, SUBSET)]
    arguments += [(seed + 1, ORDER, a, b), (seed, ORDER, a + 1, b), (seed, ORDER, a, b + 1)]
    draws = {generator(*numbers).random() for numbers in arguments}
    assert len(draws) == len(set(arguments))


def test_seed_torch_fixes_torch_and_returns_the_rest_of_its_stream():
    stream = seed_torch(3, STEP, 7)
    first = torch.rand(5), stream.random(5)
    torch.rand(9)
    stream = seed_torch(3, STEP, 7)
    assert torch.equal(first[0], torch.rand(5)) and np.array_equal(first[1], stream.random(5))
    seed_torch(3, STEP, 8)
    assert not torch.equal(first[0], torch.rand(5))
