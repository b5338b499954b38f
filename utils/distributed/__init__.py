"""Several processes that train one network.

Each sees its rows of a batch; all know the whole of it, and compute the objective of all its rows. What follows from
that is alike in all of them: queue, bins, averages, counts, scores, and when to stop. DDP makes one gradient of theirs.
"""

from utils.distributed.batches import whole
from utils.distributed.group import exchanged, first, here, local_world_size, processes, rank, told_by_first, world_size
from utils.distributed.network import averaged_after, spread
from utils.distributed.rows import fetched, joined, own_rows, share

__all__ = ["averaged_after", "exchanged", "fetched", "first", "here", "joined", "local_world_size", "own_rows",
           "processes", "rank", "share", "spread", "told_by_first", "whole", "world_size"]
