"""Batches of one split, from any position of any epoch."""

import atexit
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
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


class Loader:
    """Iterates over an Order's batches of a data set, which has `ids` and gives a sample for a Draw.

    Args:
        collate: makes a Batch of samples.
        timeout: seconds to wait for a batch; then the clips still being read are named and the run stops. Of worker
            processes: in the main one nothing can interrupt a reader, and the data set ends it itself.
    """

    def __init__(self, dataset: Dataset, order: Order, collate: Callable[[list], Batch], num_workers: int,
                 timeout: float, pin_memory: bool = False):
        self.dataset, self.order, self.collate, self.timeout = dataset, order, collate, timeout
        # The batches that the DataLoader takes, refilled in place for each epoch.
        self._plan: list[list[Draw]] = []
        self._reading = torch.full((max(num_workers, 1), 2), -1).share_memory_()  # (workers, 2) its number, index or -1
        self._loader = DataLoader(
            _Watched(dataset, self._reading),
            batch_sampler=self._plan,
            num_workers=num_workers,
            collate_fn=collate,
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
            timeout=timeout if num_workers > 0 else 0,
            worker_init_fn=_leave_signals,
        )

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
        batches, wait_for = iter(self._loader), DEATHS.wait_for if self._loader.num_workers else _next
        while True:
            try:
                batch = wait_for(batches)
            except RuntimeError as error:
                raise self._named(error) from None
            if batch is None:
                return
            yield batch

    def _named(self, error: RuntimeError) -> Exception:
        """An error that a loader process has caused, with the clips that it was reading; any other as it is."""
        said = first_line(error)
        if "timed out" in said:
            _end_workers()
            clips = [self.dataset.ids[index] for _, index in self._reading.tolist() if index >= 0]
            return UserError(f"reading took over {self.timeout:g} s (--reader-timeout): {', '.join(clips)}")
        if "killed by signal" not in said and "exited unexpectedly" not in said:
            return error
        ended = set(map(int, re.findall(r"\d+", said)))
        clips = [self.dataset.ids[index] for number, index in self._reading.tolist() if number in ended and index >= 0]
        return UserError(f"a loader process died while reading {', '.join(clips) or 'nothing'}: {said}")


def _next(batches: Iterator) -> object | None:
    return next(batches, None)


class Deaths:
    """Of loader processes, which are told of where a batch is waited for.

    torch's own handler raises its error wherever the main process happens to be: in the middle of a step, of a write to
    the disk, or where an error is taken for another.
    """

    def __init__(self):
        self.waiting = self.missed = False
        self.handler: Callable | None = None  # torch's

    def wait_for(self, batches: Iterator) -> object | None:
        """The next batch, or None behind the last.

        Raises:
            RuntimeError: torch's; a loader process has died, now or since the batch before.
        """
        handler = signal.getsignal(signal.SIGCHLD)
        if callable(handler) and handler != self._hear and threading.current_thread() is threading.main_thread():
            self.handler = handler
            signal.signal(signal.SIGCHLD, self._hear)
        self.waiting = True
        try:
            if self.missed:
                self._hear(signal.SIGCHLD, None)
            return _next(batches)
        finally:
            self.waiting = False

    def _hear(self, number: int, frame) -> None:
        self.missed = not self.waiting
        if self.waiting:
            self.handler(number, frame)


DEATHS = Deaths()


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

    def __init__(self, dataset: Dataset, reading: torch.Tensor):
        self.dataset, self.reading = dataset, reading

    def __getitem__(self, draw: Draw):
        info = get_worker_info()
        reading = self.reading[info.id if info else 0]
        reading[0], reading[1] = os.getpid(), draw.index
        sample = self.dataset[draw]
        reading[1] = -1
        return sample
