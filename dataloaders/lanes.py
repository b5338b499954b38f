"""Which samples an epoch visits, and in which order, when shards are read from front to back.

The order is a function of (seed, epoch) and the settings alone, as in order.py; and it is known for any place of an
epoch without what comes before, so that reading may begin there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from utils.distributed import part
from utils.errors import UserError
from utils.seeding import LANES, generator


class Stretch(NamedTuple):
    """A shard's number, how many of its clips are passed over, and how many are then read."""

    shard: int
    skipped: int
    read: int


@dataclass(frozen=True)
class Lanes:
    """An epoch's shards, in an order of its own, stand one behind another. Their N clips are cut into `lanes` equal
    parts (lane i begins at i * N // lanes), each read from its front; and of each lane, successive clips change places
    with those of their group, which are `shuffle_buffer // lanes`. A batch takes equally many clips of each lane, in
    the order of the lanes. The last batch alone may be smaller: lanes differ by one clip at most.

    So any contiguous share of a batch's rows that is made of whole lanes can be had by reading these only.

    Args:
        shards: the number of clips of each.
        lanes: a divisor of the batch size.
        shuffle_buffer: clips of all lanes that wait to be visited.
    Raises:
        UserError: --shuffle-buffer holds less than a clip of each lane.
    """

    shards: tuple[int, ...]
    batch_size: int
    seed: int
    lanes: int
    shuffle_buffer: int

    shuffle, once, weights = True, True, None  # as an Order says it

    def __post_init__(self):
        if self.shuffle_buffer < self.lanes:
            raise UserError(f"--shuffle-buffer {self.shuffle_buffer}: must not be below the number of lanes, "
                            f"{self.lanes} (--stream-lanes)")

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.size // self.batch_size)

    @property
    def size(self) -> int:
        return sum(self.shards)

    @property
    def rows(self) -> int:
        """Of a batch, from each lane."""
        return self.batch_size // self.lanes

    @property
    def group(self) -> int:
        """Clips of a lane that are shuffled together."""
        return self.shuffle_buffer // self.lanes

    def length(self, lane: int) -> int:
        return self._begin(lane + 1) - self._begin(lane)

    def _begin(self, lane: int) -> int:
        return lane * self.size // self.lanes

    def places(self, batch: int, lane: int) -> range:
        """Of a batch, which of the lane's visits."""
        return range(self.length(lane))[batch * self.rows : (batch + 1) * self.rows]

    def share(self, rank: int, world: int) -> range:
        """The lanes of one of several processes.

        Raises:
            UserError: they cannot be shared out evenly.
        """
        if self.lanes % world:
            raise UserError(f"--stream-lanes {self.lanes}: must be a multiple of the number of processes, {world}")
        return range(self.lanes)[part(self.lanes, rank, world)]

    def visits(self, epoch: int, lane: int, group: int) -> np.ndarray:
        """A group of the lane as it is visited: places in the lane, counted from its front."""
        first = group * self.group
        size = max(min(self.group, self.length(lane) - first), 0)
        return first + generator(self.seed, LANES, epoch, lane + 1, group).permutation(size)

    def stretches(self, epoch: int, lane: int, start: int) -> Iterator[Stretch]:
        """What is read, from the lane's place `start` to its end."""
        order, ends = _shards(self.seed, epoch, self.shards)
        at, end = self._begin(lane) + start, self._begin(lane + 1)
        while at < end:
            turn = int(np.searchsorted(ends, at, side="right"))
            shard = int(order[turn])
            skipped = self.shards[shard] - int(ends[turn]) + at
            read = min(self.shards[shard] - skipped, end - at)
            yield Stretch(shard, skipped, read)
            at += read


@lru_cache(maxsize=2)
def _shards(seed: int, epoch: int, sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """An epoch's order of shards, and where each of them ends."""
    order = generator(seed, LANES, epoch).permutation(len(sizes))
    return order, np.cumsum(np.array(sizes)[order])
