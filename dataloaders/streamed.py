"""Batches of training clips that are read from shards one after another, from any position of any epoch."""

import contextlib
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dataloaders.clips import Clip
from dataloaders.lanes import Lanes
from dataloaders.loader import BadSample
from dataloaders.order import Draw
from dataloaders.packed import PackedSplit
from dataloaders.packed_clip import PackedClip, key_of
from dataloaders.patience import at_most
from dataloaders.readers import Pick
from dataloaders.shards import Place, ShardReader
from dataloaders.video import Sample, VideoDataset, collate_clips, readable
from dataloaders.workers import Processes, nothing_read, tell
from utils.distributed import part, rank, world_size
from utils.errors import UserError
from utils.structures import Batch


class Rows(NamedTuple):
    """What is asked of a worker: a batch's rows from some lanes. `end` is that of the range of lanes."""

    epoch: int
    batch: int
    lane: int
    end: int


class Streamed(Dataset):
    """Reads lanes. It goes on where it stands; asked for rows that do not follow, it goes there.

    Args:
        dataset: makes a sample of a clip; it holds none.
        held: the split's shards, as the pack's index tells of them.
        numbered: a clip's target is its number, for no label may be learned from.
    """

    def __init__(self, dataset: VideoDataset, lanes: Lanes, place: Place, held: PackedSplit, numbered: bool,
                 reading: Tensor):
        self.dataset, self.lanes, self.place, self.shards = dataset, lanes, place, held.shards
        self.numbered, self.reading, self.classes = numbered, reading, len(held.counts)
        self.first = np.cumsum([0, *lanes.shards]).tolist()  # by shard, the number of its first clip
        self._next, self._open = None, {}

    def __getitem__(self, rows: Rows) -> list[Sample | BadSample] | UserError:
        """An error is handed over: raised, it would come with a worker's traceback."""
        try:
            return self._samples(rows)
        except UserError as error:
            self.close()
            return error
        finally:
            tell(self.reading, -1)

    def _samples(self, rows: Rows) -> list[Sample | BadSample]:
        if self._next != rows:
            self.close()
            self._open = {lane: self._lane(rows.epoch, lane, rows.batch * self.lanes.rows)
                          for lane in range(rows.lane, rows.end)}
        self._next = rows._replace(batch=rows.batch + 1)
        return [self.sample(next(clips), rows.epoch) for lane, clips in self._open.items()
                for _ in self.lanes.places(rows.batch, lane)]

    def close(self) -> None:
        """Whatever is open and held."""
        for clips in self._open.values():
            clips.close()
        self._next, self._open = None, {}

    def sample(self, clip: PackedClip, epoch: int) -> Sample | BadSample:
        entry, dataset = clip.entry, self.dataset
        if entry["label"] >= self.classes or entry["index"] >= self.lanes.size:
            return BadSample(entry["id"], f"{clip.where}: {clip.key}.json has a label or number that the pack has not")
        listed = Clip(entry["id"], Path(clip.where), entry["index"] if self.numbered else entry["label"])
        both = dataset.config.streams == "both"
        return dataset.sample(listed, _draw(entry, epoch), lambda pick: clip.streams(pick, dataset.side, both))

    def _lane(self, epoch: int, lane: int, start: int) -> Iterator[PackedClip]:
        """The lane's clips as they are visited, from visit `start` on. At most a group of them is held."""
        group, visited = divmod(start, self.lanes.group)
        passed = self.lanes.visits(epoch, lane, group)[:visited].tolist()
        clips, held = self._read(epoch, lane, group * self.lanes.group, set(passed)), {}
        with contextlib.closing(clips):
            while len(visits := self.lanes.visits(epoch, lane, group)):
                for place in visits[visited:].tolist():
                    while place not in held:
                        held.update([next(clips)])
                    yield held.pop(place)
                    held.update(islice(clips, 1))  # as one goes another comes: reading is spread evenly
                group, visited = group + 1, 0

    def _read(self, epoch: int, lane: int, start: int, passed: set[int]) -> Iterator[tuple[int, PackedClip]]:
        """The lane's clips as they lie, by their places in it, from `start` on, but for those that are passed over."""
        def pick(entry: dict) -> Pick:
            return self.dataset.pick(_draw(entry, epoch))

        for shard, skipped, read in self.lanes.stretches(epoch, lane, start):
            with contextlib.closing(ShardReader(self.place, self.shards[shard], self.first[shard])) as reader:
                for _ in range(skipped):
                    with self._reads(reader.next):
                        reader.skip()
                for at in range(start, start + read):
                    with self._reads(reader.next):
                        clip = reader.skip() if at in passed else reader.read(pick)
                    if clip is not None:
                        yield at, clip
            start += read

    @contextlib.contextmanager
    def _reads(self, number: int) -> Iterator[None]:
        """A block in which a clip is read, and that may not hang."""
        tell(self.reading, number)
        with at_most(self.dataset.config.reader_timeout, self.name(number)):
            yield

    def visits(self, lanes: range) -> Iterator[PackedClip]:
        """Of the first epoch, one lane behind the other."""
        for lane in lanes:
            yield from self._lane(0, lane, 0)

    def name(self, number: int) -> str:
        """Of the number-th clip in the shards."""
        return f"{self.shards[bisect(self.first, number) - 1].name}: {key_of(number)}"


def _draw(entry: dict, epoch: int) -> Draw:
    """As an Order's that visits each clip once: its number in the split is the index."""
    return Draw(epoch, entry["index"], 0)


class _Plan:
    """What is asked of the workers in turn: of every batch the rows of each part of the lanes. It is set before."""

    def __init__(self, batches: int):
        self.batches, self.parts, self.epoch, self.start = batches, [], 0, 0

    def __iter__(self) -> Iterator[list[Rows]]:
        for batch in range(self.start, self.batches):
            for lanes in self.parts:
                yield [Rows(self.epoch, batch, lanes.start, lanes.stop)]


class StreamedLoader:
    """A Loader of clips that are read one after another; it knows no clip before it comes.

    Each worker reads lanes of its own, and gives its rows of each batch, which are put together here: any number of
    workers and of processes makes the same batches.

    Args:
        num_workers: at most one a lane.
    Raises:
        UserError: the lanes cannot be shared out among the processes.
    """

    streamed, unit = True, "clips"

    def __init__(self, dataset: VideoDataset, lanes: Lanes, place: Place, held: PackedSplit, numbered: bool,
                 num_workers: int, timeout: float, pin_memory: bool = False):
        self.dataset, self.order, self.held, self.timeout, self.pinned = dataset, lanes, held, timeout, pin_memory
        workers = min(num_workers, len(self._lanes))
        reading, self._parts = nothing_read(workers), max(workers, 1)
        self.clips = Streamed(dataset, lanes, place, held, numbered, reading)
        self._plan = _Plan(len(lanes))
        self._answers = Processes(self.clips, self._plan, _collated, workers, timeout,
                                  pin_memory and self._parts == 1, reading, self.clips.name)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.order)

    @property
    def size(self) -> int:
        """Samples in the split."""
        return self.held.size

    @property
    def _lanes(self) -> range:
        """Those of this process."""
        return self.order.share(rank(), world_size())

    def first(self, number: int) -> Batch:
        """The first samples of the first epoch's lanes that can be read, at most as many; loaded in this process."""
        return collate_clips(list(islice(filter(readable, self.samples()), number)))

    def samples(self) -> Iterator[Sample | BadSample]:
        """The first epoch's, one lane behind the other, as far as they are asked for; loaded in this process."""
        return (self.clips.sample(clip, 0) for clip in self.clips.visits(self._lanes))

    def examples(self, ids: set[str]) -> dict:
        """There are none: it does not go back for a single clip."""
        return {}

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from number `start` on; of several processes each gets its own rows of them.

        Raises:
            UserError: as Processes and ShardReader.
        """
        self._plan.epoch, self._plan.start = epoch, start
        lanes = self._lanes
        self._plan.parts = [lanes[part(len(lanes), number, self._parts)] for number in range(self._parts)]
        answers = iter(self._answers)
        while of_batch := list(islice(answers, self._parts)):
            if errors := [answer for answer in of_batch if isinstance(answer, UserError)]:
                raise errors[0]
            yield self._joined(of_batch)

    def _joined(self, parts: list[Batch]) -> Batch:
        if len(parts) == 1:
            return parts[0]
        targets, face, context = (self._rows([getattr(batch, name) for batch in parts])
                                  for name in ("targets", "face", "context"))
        return Batch(targets, sum((batch.ids for batch in parts), []), face, context,
                     notes=sum((batch.notes for batch in parts), Counter()),
                     bad=sum((batch.bad for batch in parts), []))

    def _rows(self, tensors: list[Tensor | None]) -> Tensor | None:
        """One behind the other; a part of which no clip can be read has none."""
        if not (tensors := [tensor for tensor in tensors if tensor is not None]):
            return None
        shape = sum(map(len, tensors)), *tensors[0].shape[1:]
        return torch.cat(tensors, out=torch.empty(shape, dtype=tensors[0].dtype, pin_memory=self.pinned))


def _collated(answers: list[list | UserError]) -> Batch | UserError:
    """Of the one answer there is."""
    return answers[0] if isinstance(answers[0], UserError) else collate_clips(answers[0])
