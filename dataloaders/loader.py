"""Batches of one split, from any position of any epoch."""

import atexit
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from dataloaders.order import Draw, Order
from utils.distributed import share
from utils.errors import UserError, first_line
from utils.structures import Batch


@dataclass
class BadSample:
    """A sample that could not be read, and why."""

    id: str
    reason: str


class Processes:
    """Iterates over what collate makes of a data set's answers to the items of a plan, worked out by worker processes.

    Args:
        plan: lists of items, looked through anew in each pass.
        timeout: seconds to wait for an answer; then what is still being read is named and the run stops.
            Needs worker processes: nothing can interrupt a reader in the main one.
        reading: (workers,) in shared memory: the number of the sample that each is reading, or -1.
        name: of a sample by its number.
    """

    def __init__(self, dataset: Dataset, plan: Iterable[list], collate: Callable[[list], Any], num_workers: int,
                 timeout: float, pin_memory: bool, reading: Tensor, name: Callable[[int], str]):
        self.timeout, self.reading, self.name = timeout, reading, name
        self.loader = DataLoader(
            dataset,
            batch_sampler=plan,
            num_workers=num_workers,
            collate_fn=collate,
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
            timeout=timeout if num_workers > 0 else 0,
            worker_init_fn=_leave_signals,
        )

    def __iter__(self) -> Iterator:
        """
        Raises:
            UserError: a sample took longer to read than the time-out, or its reader brought the worker down.
        """
        try:
            yield from self.loader
        except RuntimeError as error:
            samples = ", ".join(self.name(number) for number in self.reading.tolist() if number >= 0)
            if "timed out" in str(error):
                _end_workers()
                raise UserError(f"reading took over {self.timeout:g} s (--reader-timeout): {samples}") from None
            if "killed by signal" in str(error) or "exited unexpectedly" in str(error):
                said = f"a loader process died while reading {samples or 'nothing'}: {first_line(error)}"
                raise UserError(said) from None
            raise


def nothing_read(num_workers: int) -> Tensor:
    """(workers,) -1, in shared memory"""
    return torch.full((max(num_workers, 1),), -1).share_memory_()


def tell(reading: Tensor, number: int) -> None:
    """Which sample this worker is reading from now on."""
    info = get_worker_info()
    reading[info.id if info else 0] = number


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
            UserError: a clip took longer to read than the time-out, or its reader brought the worker down.
        """
        self._plan[:] = [batch[share(len(batch))] for batch in self.order.batches(epoch)[start:]]
        yield from self._batches


def _leave_signals(worker: int) -> None:
    """A worker ends with the main process, which grants a signal's wish in good order; both may be sent it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _end_workers() -> None:
    """At once, also those that hang: they would keep the main process from ending."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler would take their end for an accident
    for worker in multiprocessing.active_children():
        worker.kill()


# After an error nobody else ends them, and Python would wait for them for ever: they ignore its SIGTERM.
atexit.register(_end_workers)


class _Watched(Dataset):
    """Says in shared memory which clip each worker is reading."""

    def __init__(self, dataset: Dataset, reading: Tensor):
        self.dataset, self.reading = dataset, reading

    def __getitem__(self, draw: Draw):
        tell(self.reading, draw.index)
        sample = self.dataset[draw]
        tell(self.reading, -1)
        return sample
