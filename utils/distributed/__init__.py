"""Several processes that train one network.

Each sees its rows of a batch; all know the whole of it, and compute the objective of all its rows. What follows from
that is alike in all of them: queue, bins, averages, counts, scores, and when to stop. DDP makes one gradient of theirs;
or FSDP2 does, which leaves each a part of the network.
"""

from utils.distributed.batches import whole
from utils.distributed.group import common, exchanged, first, here, local_world_size, processes, rank, world_size
from utils.distributed.network import averaged_after, spread
from utils.distributed.rows import fetched, joined, own_rows, part, share
from utils.distributed.shards import cut, gathered, norms, samples, unsharded

__all__ = ["averaged_after", "common", "cut", "exchanged", "fetched", "first", "gathered", "here", "joined",
           "local_world_size", "norms", "own_rows", "part", "processes", "rank", "samples", "share", "spread",
           "unsharded", "whole", "world_size"]
