"""Batches of one split, from any position of any epoch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from torch.utils.data import Dataset

from dataloaders.order import Draw, Order
from dataloaders.workers import Processes, nothing_read, tell
from utils.distributed import share
from utils.structures import Batch


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
    """

    streamed = False  # `ids` and `targets` tell of all samples

    def __init__(self, dataset: Dataset, order: Order, collate: Callable[[list], Batch], num_workers: int,
                 timeout: float, pin_memory: bool = False):
        self.dataset, self.order, self.collate, self.timeout = dataset, order, collate, timeout
        # The batches that the DataLoader takes, refilled in place for each epoch.
        self._plan: list[list[Draw]] = []
        reading = nothing_read(num_workers)
        self._batches = Processes(_Watched(dataset, reading), self._plan, collate, num_workers, timeout, pin_memory,
                                  reading, lambda number: dataset.ids[number])

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

        Raises:
            UserError: a sample took longer to read than the time-out, or its reader brought the worker down.
        """
        self._plan[:] = [batch[share(len(batch))] for batch in self.order.batches(epoch)[start:]]
        yield from self._batches


class _Watched(Dataset):
    """Says in shared memory which sample each worker is reading."""

    def __init__(self, dataset: Dataset, reading: Tensor):
        self.dataset, self.reading = dataset, reading

    def __getitem__(self, draw: Draw):
        tell(self.reading, draw.index)
        sample = self.dataset[draw]
        tell(self.reading, -1)
        return sample
