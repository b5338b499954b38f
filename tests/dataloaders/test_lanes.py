"""The order of a stream as a pure function."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.lanes import Lanes
from utils.errors import UserError


@st.composite
def settings(draw):
    """Shards of any sizes, lanes, a batch of a few of each, a buffer of at least one of each."""
    lanes = draw(st.integers(1, 8))
    return Lanes(tuple(draw(st.lists(st.integers(1, 40), min_size=1, max_size=12))), lanes * draw(st.integers(1, 5)),
                 draw(st.integers(0, 99)), lanes, draw(st.integers(lanes, 20 * lanes)))


def batches(lanes: Lanes, epoch: int = 0, of: range | None = None) -> list[list[int]]:
    """Of each batch the clips' numbers in the shards, from these lanes, worked out from what is read and visited."""
    of, first = of or range(lanes.lanes), np.cumsum([0, *lanes.shards])
    orders = {}
    for lane in of:
        read = [int(first[s.shard]) + s.skipped + n for s in lanes.stretches(epoch, lane, 0) for n in range(s.read)]
        groups = range(-(-lanes.length(lane) // lanes.group))
        orders[lane] = [read[place] for group in groups for place in lanes.visits(epoch, lane, group).tolist()]
    return [[orders[lane][place] for lane in of for place in lanes.places(batch, lane)] for batch in range(len(lanes))]


@given(settings(), st.integers(0, 3))
def test_every_clip_comes_once_in_an_epoch(lanes, epoch):
    made = batches(lanes, epoch)
    assert sorted(chain(*made)) == list(range(lanes.size))
    assert [len(batch) for batch in made[:-1]] == [lanes.batch_size] * (len(made) - 1)
    assert len(made[-1]) == (lanes.size - 1) % lanes.batch_size + 1


@given(settings(), st.data())
def test_shares_of_processes_side_by_side_are_the_batches(lanes, data):
    """And of any batch, n rows, each process has those from r * n // world on."""
    world = data.draw(st.sampled_from([n for n in range(1, lanes.lanes + 1) if lanes.lanes % n == 0]))
    shares = [batches(lanes, 1, lanes.share(rank, world)) for rank in range(world)]
    whole = batches(lanes, 1)
    assert [list(chain(*parts)) for parts in zip(*shares)] == whole
    for batch, parts in zip(whole, zip(*shares)):
        assert [len(part) for part in parts] == [(rank + 1) * len(batch) // world - rank * len(batch) // world
                                                 for rank in range(world)]


@given(settings(), st.data())
def test_reading_may_begin_at_any_place(lanes, data):
    lane = data.draw(st.integers(0, lanes.lanes - 1))
    start = data.draw(st.integers(0, lanes.length(lane)))
    whole, rest = ([(s.shard, s.skipped + n) for s in lanes.stretches(2, lane, at) for n in range(s.read)]
                   for at in (0, start))
    assert rest == whole[start:]


def test_by_hand():
    """Two lanes of 3 and 4 of seven clips in shards of 4, 1 and 2; the second begins within a shard."""
    lanes = Lanes((4, 1, 2), 4, 0, 2, 4)
    assert [lanes.length(lane) for lane in (0, 1)] == [3, 4] and lanes.group == lanes.rows == 2 and len(lanes) == 2
    order = np.random.default_rng((0, 7, 5)).permutation(3).tolist()
    read = [(s.shard, s.skipped + n) for lane in (0, 1) for s in lanes.stretches(5, lane, 0) for n in range(s.read)]
    assert read == [(shard, n) for shard in order for n in range((4, 1, 2)[shard])]
    group = np.random.default_rng((0, 7, 5, 2, 1)).permutation(2)
    assert lanes.visits(5, 1, 1).tolist() == (2 + group).tolist()
    assert lanes.visits(5, 0, 1).tolist() == [2] and lanes.visits(5, 0, 2).tolist() == []
    assert [[*lanes.places(1, lane)] for lane in (0, 1)] == [[2], [2, 3]]


def test_the_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        return list(chain(*batches(Lanes((50, 50, 30), 8, seed, 4, 64), epoch)))

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def together(made: list[list[int]]) -> set[tuple[int, int]]:
    """The pairs of clips that share a batch."""
    return {(min(a, b), max(a, b)) for batch in made for a in batch for b in batch if a != b}


@pytest.mark.parametrize("lanes, shuffle_buffer, least, most", [
    (1, 1, 0.5, 1), (8, 8, 0.1, 0.3), (1, 256, 0, 0.03), (8, 256, 0, 0.01), (8, 1024, 0, 0.002)])
def test_how_well_clips_are_mixed(lanes, shuffle_buffer, least, most):
    """The measure: of the pairs of clips that share a batch in one epoch, the share that does in the next too.

    Of 20,000 clips in 40 shards, batches of 8. Chance has it at 7 / 19,999 = 0.035 %. Without a buffer, batches come
    again but for those that lie across the ends of shards, or where lanes stand at like places of the same shards.
    """
    one, other = (together(batches(Lanes((500,) * 40, 8, 0, lanes, shuffle_buffer), epoch)) for epoch in (0, 1))
    assert least <= len(one & other) / len(one) <= most


def test_lanes_mix_the_classes_of_shards_that_hold_one_each():
    """Seven classes in 70 shards: the share of batches of 8 with fewer than three of them. Chance has it at 0.1 %."""
    few = {}
    for lanes in (1, 8):
        made = batches(Lanes((100,) * 70, 8, 0, lanes, 128))
        few[lanes] = np.mean([len({clip // 1000 for clip in batch}) < 3 for batch in made])
    assert few[1] > 0.5 and few[8] < 0.02


def test_what_does_not_go_together():
    with pytest.raises(UserError, match="--shuffle-buffer 3: must not be below the number of lanes, 4"):
        Lanes((9,), 8, 0, 4, 3)
    with pytest.raises(UserError, match="--stream-lanes 4: must be a multiple of the number of processes, 3"):
        Lanes((9,), 8, 0, 4, 8).share(0, 3)
