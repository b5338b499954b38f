"""Batches of one split, from any position of any epoch."""

import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from dataloaders.order import Draw, Order
from dataloaders.video import BadSample, Sample
from utils.errors import UserError, first_line
from utils.structures import Batch


def collate(samples: list[Sample | BadSample]) -> Batch:
    """Stack what could be read; the rest is named in `bad`. All may be bad: then the batch is empty."""
    good = [sample for sample in samples if isinstance(sample, Sample)]
    context = [sample.context for sample in good if sample.context is not None]
    return Batch(
        targets=torch.tensor([sample.target for sample in good], dtype=torch.int64),
        ids=[sample.id for sample in good],
        face=torch.stack([sample.face for sample in good]) if good else None,
        context=torch.stack(context) if context else None,
        notes=sum((sample.notes for sample in good), Counter()),
        bad=[(sample.id, sample.reason) for sample in samples if isinstance(sample, BadSample)],
    )


class Loader:
    """Iterates over an Order's batches of a data set.

    Args:
        timeout: seconds to wait for a batch; then the clips still being read are named and the run stops.
            Needs worker processes: nothing can interrupt a reader in the main one.
    """

    def __init__(self, dataset: Dataset, order: Order, num_workers: int, timeout: float, pin_memory: bool = False):
        self.dataset, self.order, self.timeout = dataset, order, timeout
        # The batches that the DataLoader takes, refilled in place for each epoch.
        self._plan: list[list[Draw]] = []
        self._reading = torch.full((max(num_workers, 1),), -1).share_memory_()  # (workers,) index or -1
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
        """Clips in the split."""
        return len(self.dataset)

    @property
    def unit(self) -> str:
        """What an epoch goes through: all clips once, or draws of them."""
        return "clips" if self.order.weights is None else "draws"

    def frames(self, ids: set[str]) -> dict[str, torch.Tensor]:
        """What the network sees of some clips: (S, T, 3, H, W) uint8, the face stream and then the context."""
        found = {}
        for index, clip in enumerate(self.dataset.clips):
            sample = self.dataset[Draw(0, index, 0)] if clip.id in ids else None
            if isinstance(sample, Sample):
                found[clip.id] = torch.stack([s for s in (sample.face, sample.context) if s is not None])
        return found

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from number `start` on.

        Raises:
            UserError: a clip took longer to read than the time-out, or its reader brought the worker down.
        """
        self._plan[:] = self.order.batches(epoch)[start:]
        try:
            yield from self._loader
        except RuntimeError as error:
            clips = ", ".join(self.dataset.clips[i].id for i in self._reading.tolist() if i >= 0)
            if "timed out" in str(error):
                _end_workers()
                raise UserError(f"reading took over {self.timeout:g} s (--reader-timeout): {clips}") from None
            if "killed by signal" in str(error) or "exited unexpectedly" in str(error):
                raise UserError(f"a loader process died while reading {clips or 'nothing'}: {first_line(error)}") from None
            raise


def _leave_signals(worker: int) -> None:
    """A worker ends with the main process, which grants a signal's wish in good order; both may be sent it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _end_workers() -> None:
    """At once, also those that hang: they would keep the main process from ending."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler would take their end for an accident
    for worker in multiprocessing.active_children():
        worker.kill()


class _Watched(Dataset):
    """Says in shared memory which clip each worker is reading."""

    def __init__(self, dataset: Dataset, reading: torch.Tensor):
        self.dataset, self.reading = dataset, reading

    def __getitem__(self, draw: Draw):
        info = get_worker_info()
        worker = info.id if info else 0
        self.reading[worker] = draw.index
        sample = self.dataset[draw]
        self.reading[worker] = -1
        return sample
