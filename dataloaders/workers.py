"""Worker processes that read samples: what they are asked, what ends them, and who is told of it."""

import atexit
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import torch
# What torch imports when a worker hands over its first tensor, in a thread: where the garbage collector cut in, the
# import failed (KeyError in Python 3.11's import lock), and the batch was lost.
import torch.nested._internal.nested_tensor  # noqa: F401
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from utils.config import DataConfig
from utils.distributed import local_world_size
from utils.errors import UserError, first_line

GRACE = 5  # seconds
MOST_LOADERS = 64
TIMED_OUT = "DataLoader timed out after"  # as torch says it


class Lost(UserError):
    """Worker processes hang, or are gone.

    Args:
        samples: the numbers of those that are to blame, and `reason` for what.
    """

    def __init__(self, text: str, samples: list[int], reason: str):
        super().__init__(text)
        self.samples, self.reason = samples, reason


class Processes:
    """Iterates over what collate makes of a data set's answers to the items of a plan, worked out by worker processes.

    Args:
        plan: lists of items, looked through anew in each pass.
        timeout: seconds that a sample may take to be read by a worker process. In the main one nothing can interrupt a
            reader, and the data set ends it itself.
        reading: see `nothing_read`.
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
            worker_init_fn=_in_worker,
        )

    def __iter__(self) -> Iterator:
        """
        Raises:
            Lost: a sample took longer to read than the time-out, or its reader brought the worker down. The next pass
                has other workers.
        """
        answers = self._awaited(self._begin)
        while (answer := self._awaited(lambda: next(answers, None), again=True)) is not None:
            yield answer

    def _awaited(self, ask: Callable[[], Any], again: bool = False) -> Any:
        """torch's time-out is of a whole answer, of many samples: it may be asked for again."""
        while True:
            try:
                return DEATHS.wait_for(ask, self._pids) if self.loader.num_workers else ask()
            except RuntimeError as error:
                found = self._hanging() if TIMED_OUT in first_line(error) else self._named(error)
                if not found and again:
                    continue
                found = found or Lost(f"loader processes do not begin anew ({first_line(error)})", [], "")
                if isinstance(found, Lost):
                    self._end()
                try:
                    raise found from None
                finally:
                    del found  # it knows this frame, which else would know it, and both would keep what was loaded

    def _begin(self) -> Iterator:
        """Workers that live on from the pass before answer it. For those that do not torch would wait: it was told of
        their death while another loader was waited for, or before it knew of them."""
        self._check()
        answers = iter(self.loader)
        self._check()
        return answers

    def _check(self) -> None:
        if dead := self._dead():
            raise RuntimeError(f"DataLoader worker (pid(s) {', '.join(map(str, dead))}) exited unexpectedly")

    @property
    def _workers(self) -> list[BaseProcess]:
        return getattr(self.loader._iterator, "_workers", [])

    def _pids(self) -> set[int]:
        return {worker.pid for worker in self._workers}

    def _dead(self) -> list[int]:
        return [worker.pid for worker in self._workers if not worker.is_alive()]

    def _hanging(self) -> Lost | None:
        """With the samples that have been read for too long; with none, where no worker has done anything for as long.

        Where all of several are late, it is not their samples that are to blame.
        """
        since = time.monotonic_ns() - self.timeout * 1e9
        late = [sample for _, sample, begun in self.reading.tolist() if begun < since]
        samples, everyone = [sample for sample in late if sample >= 0], len(self.reading)
        if not samples and len(late) < everyone:
            return None
        reason = f"reading took over {self.timeout:g} s (--reader-timeout)"
        blamed = samples if len(samples) == 1 or len(samples) < everyone else []
        return Lost(f"{reason}: {self._names(samples)}", blamed, reason)

    def _named(self, error: RuntimeError) -> Exception:
        """With the samples that a worker was reading which has died; any other error as it is."""
        said = first_line(error)
        if "killed by signal" not in said and "exited unexpectedly" not in said:
            return error
        numbers = re.search(r"\(pid(?:\(s\))? ([\d, ]+)\)", said)
        ended = {int(number) for number in numbers[1].split(",")} if numbers else self._dead()
        samples = [sample for worker, sample, _ in self.reading.tolist() if worker in ended and sample >= 0]
        return Lost(f"a loader process died while reading {self._names(samples)}: {said}", samples,
                    "a loader process died while reading it")

    def _names(self, samples: list[int]) -> str:
        return ", ".join(map(self.name, samples)) or "nothing"

    def _end(self) -> None:
        """End the workers at once, also those that hang. Other loaders' go on."""
        told, iterator = set(self.reading[:, 0].tolist()), self.loader._iterator
        if hasattr(iterator, "_pin_memory_thread_done_event"):  # a thread that takes answers from them
            iterator._pin_memory_thread_done_event.set()
        for worker in self._workers or [child for child in multiprocessing.active_children() if child.pid in told]:
            worker.kill()
            worker.join(GRACE)
        self.reading.fill_(-1)
        self.loader._iterator = None
        if iterator is not None:  # in a thread: it may wait for a lock that a killed one held
            thread = threading.Thread(target=iterator._shutdown_workers, daemon=True)
            thread.start()
            thread.join(GRACE)


def workers_of(data: DataConfig) -> int:
    """Of each process: no more than the machine has processors, over those that share it."""
    return min(data.num_workers, max((os.cpu_count() or 1) // local_world_size(), 1))


def nothing_read(num_workers: int) -> Tensor:
    """(workers, 3) in shared memory: the process of each, the number of the sample that it is reading, or -1, and since
    when, in nanoseconds."""
    return torch.full((max(num_workers, 1), 3), -1).share_memory_()


def tell(reading: Tensor, number: int) -> None:
    """Which sample this worker is reading from now on."""
    info = get_worker_info()
    own = reading[info.id if info else 0]
    own[0], own[2] = os.getpid(), time.monotonic_ns()
    own[1] = number  # last: no sample is ever seen with the time of the one before


class Deaths:
    """Of worker processes, which are told of where an answer is waited for.

    torch's own handler raises its error wherever the main process happens to be: in the middle of a step, of a write to
    the disk, or where an error is taken for another.
    """

    def __init__(self):
        self.waiting = self.missed = False
        self.pids: Callable[[], set[int]] = set  # of those who are waited for
        self.handler: Callable | None = None  # torch's

    def wait_for(self, ask: Callable[[], Any], pids: Callable[[], set[int]]) -> Any:
        """What it gives, which is an answer of the workers with these numbers.

        Raises:
            RuntimeError: torch's; one of them has died, now or since the answer before.
        """
        self._listen()
        self.waiting, self.pids = True, pids
        try:
            if self.missed:
                self._hear(signal.SIGCHLD, None)
            return ask()
        except (ConnectionError, EOFError, FileNotFoundError) as error:
            if "in DataLoader worker process" in str(error):  # its own, of reading
                raise
            time.sleep(GRACE)  # it has died with an answer in its hand, of which the system is about to tell
            raise RuntimeError(f"DataLoader worker exited unexpectedly: {first_line(error)}") from None
        finally:
            self.waiting = False

    def _listen(self) -> None:
        """In the place of torch's handler, which it sets once; `_end_workers` may have unset ours since."""
        handler = signal.getsignal(signal.SIGCHLD)
        if handler != self._hear and threading.current_thread() is threading.main_thread():
            self.handler = handler if callable(handler) else self.handler
            if self.handler:
                signal.signal(signal.SIGCHLD, self._hear)

    def _hear(self, number: int, frame) -> None:
        """That of another loader's worker must not break in, for torch may have an answer in its hands: it is seen
        where that loader begins."""
        self.missed = not self.waiting
        for _ in range(MOST_LOADERS if self.waiting else 0):  # torch tells of one loader's workers each time, and once
            try:
                return self.handler(number, frame)
            except RuntimeError as error:
                named = re.findall(r"\d+", first_line(error).partition("(pid")[2])
                if self.pids() & set(map(int, named)):
                    raise


DEATHS = Deaths()


def _in_worker(worker: int) -> None:
    """A worker ends with the main process, which grants a signal's wish in good order; both may be sent it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.excepthook = _tell


def _tell(kind: type[BaseException], error: BaseException, trace) -> None:
    """Of the thread that hands answers over: where the main process has broken off in taking one, it knows."""
    if not issubclass(kind, (ConnectionError, EOFError)):
        sys.__excepthook__(kind, error, trace)


def _end_workers() -> None:
    """At once, also those that hang: they would keep the main process from ending."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler would take their end for an accident
    for worker in multiprocessing.active_children():
        worker.kill()


# After an error nobody else ends them, and Python would wait for them for ever: they ignore its SIGTERM.
atexit.register(_end_workers)
