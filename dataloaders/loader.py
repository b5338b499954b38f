"""Batches of one split, from any position of any epoch."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from dataloaders.order import Draw, Order
from dataloaders.workers import Lost, Processes, nothing_read, tell
from utils.distributed import share
from utils.structures import Batch

log = logging.getLogger("camxuc")

LOSSES = 4  # of workers, without a batch between them: a batch may hold two clips that take two along each


@dataclass
class BadSample:
    """A sample that could not be read, and why."""

    id: str
    reason: str


class Loader:
    """Iterates over an Order's batches of a data set, which has `ids` and gives a sample for a Draw.

    Args:
        collate: makes a Batch of samples.
        timeout: see Processes.
        unread: what stands for a sample, by its number, that cannot be read for a reason; a BadSample.
    """

    streamed = False  # `ids` and `targets` tell of all samples

    def __init__(self, dataset: Dataset, order: Order, collate: Callable[[list], Batch], num_workers: int,
                 timeout: float, pin_memory: bool = False, unread: Callable[[int, str], Any] | None = None):
        self.dataset, self.order, self.collate, self.timeout = dataset, order, collate, timeout
        # The batches that the DataLoader takes, refilled in place for each epoch.
        self._plan: list[list[Draw]] = []
        reading = nothing_read(num_workers)
        self._watched = _Watched(dataset, reading, unread)
        self._batches = Processes(self._watched, self._plan, collate, num_workers, timeout, pin_memory, reading,
                                  lambda number: dataset.ids[number])

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.order)

    @property
    def size(self) -> int:
        """Samples in the split."""
        return len(self.dataset)

    @property
    def ids(self) -> list[str]:
        return self.dataset.ids

    @property
    def targets(self) -> torch.Tensor:
        """The samples' labels as listed, (N,) or (N, A)."""
        return torch.as_tensor(self.dataset.targets, dtype=torch.int64)

    @property
    def unit(self) -> str:
        """What an epoch goes through: all samples once, or draws of them."""
        return self.dataset.unit if self.order.once else "draws"

    def first(self, number: int) -> Batch:
        """The first samples of the first epoch that can be read, at most as many; loaded in this process."""
        draws = (draw for batch in self.order.batches(0) for draw in batch)
        samples = (sample for draw in draws if not isinstance(sample := self.dataset[draw], BadSample))
        return self.collate(list(islice(samples, number)))

    def examples(self, ids: set[str]) -> dict:
        """What some samples look like to a person, by id."""
        return {name: example for index, name in enumerate(self.dataset.ids)
                if name in ids and (example := self.dataset.example(index)) is not None}

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from number `start` on; of several processes each gets its own rows of them.

        Where a worker process hangs or dies, others go on where it was. A sample with which this happens twice is left
        out from then on, as one that cannot be read.

        Raises:
            UserError: workers hang or die again and again, and no batch comes.
        """
        batches = [batch[share(len(batch))] for batch in self.order.batches(epoch)[start:]]
        done = losses = blameless = 0  # batches that were had; how often workers were lost since, and by no sample
        while done < len(batches):
            self._plan[:] = batches[done:]
            try:
                for answer in self._batches:
                    done, losses, blameless = done + 1, 0, 0
                    yield answer
            except Lost as lost:
                losses, blameless = losses + 1, blameless + (not lost.samples)
                if losses > LOSSES or blameless > 1:
                    raise
                log.error("%s; another process reads on", lost)
                for number in lost.samples:
                    self._watched.ends[number].append(lost.reason)


class _Watched(Dataset):
    """Says in shared memory which sample each worker is reading; and does not read those that ended two of them."""

    def __init__(self, dataset: Dataset, reading: Tensor, unread: Callable[[int, str], Any] | None):
        self.dataset, self.reading, self.unread = dataset, reading, unread or self._bad
        self.ends: defaultdict[int, list[str]] = defaultdict(list)  # by sample, how workers ended that were reading it

    def __getitem__(self, draw: Draw):
        if len(self.ends.get(draw.index, ())) > 1:
            return self.unread(draw.index, self.ends[draw.index][-1])
        tell(self.reading, draw.index)
        sample = self.dataset[draw]
        tell(self.reading, -1)
        return sample

    def _bad(self, number: int, reason: str) -> BadSample:
        return BadSample(self.dataset.ids[number], reason)
