import multiprocessing
import os
from collections import Counter
from threading import Event

import pytest
import torch
from torch.utils.data import Dataset

from dataloaders.clips import Clip
from dataloaders.loader import Loader, collate
from dataloaders.order import Order
from dataloaders.video import BadSample, Sample, VideoDataset
from tests.dataloaders.footage import frame as picture
from tests.dataloaders.footage import write_image, write_video
from utils.config import VideoDataConfig
from utils.errors import UserError

SETTINGS = VideoDataConfig(num_segments=2, image_size=24, augment=1.0)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Ten good clips, videos and images."""
    root = tmp_path_factory.mktemp("clips")
    paths = [
        write_video(root / f"{i}.avi", 5 + i) if i % 2 else write_image(root / f"{i}.png", picture(i))
        for i in range(10)
    ]
    return [Clip(path.name, path, i % 3) for i, path in enumerate(paths)]


def loader(clips, workers=0, size=4, training=True, timeout=100):
    dataset = VideoDataset(clips, SETTINGS, 5, training)
    return Loader(dataset, Order([clip.label for clip in clips], size, 5, shuffle=training), workers, timeout)


def assert_same(ones, others):
    assert len(ones) == len(others)
    for one, other in zip(ones, others):
        assert one.ids == other.ids and one.bad == other.bad and one.notes == other.notes
        for name in ("targets", "face", "context"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name


def test_batches_hold_the_clips_of_the_order(clips):
    batches = list(loader(clips, training=False).epoch(0))
    assert [batch.ids for batch in batches] == [[c.id for c in clips[i : i + 4]] for i in (0, 4, 8)]
    assert [batch.targets.tolist() for batch in batches] == [[0, 1, 2, 0], [1, 2, 0, 1], [2, 0]]
    assert batches[0].face.shape == batches[0].context.shape == (4, 2, 3, 24, 24)
    assert len(loader(clips)) == 3 and loader(clips).size == 10


def test_workers_make_no_difference(clips):
    alone, two = loader(clips), loader(clips, workers=2)
    for epoch in (0, 1):
        assert_same(list(alone.epoch(epoch)), list(two.epoch(epoch)))
    assert [b.ids for b in alone.epoch(0)] != [b.ids for b in alone.epoch(1)]


@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_start_drops_the_first_batches_and_changes_nothing_else(clips, start):
    assert_same(list(loader(clips).epoch(4, start)), list(loader(clips).epoch(4))[start:])


def test_an_epoch_that_was_left_does_not_leak_into_the_next(clips):
    two = loader(clips, workers=2, size=1)
    unfinished = two.epoch(0)
    next(unfinished)
    assert_same(list(two.epoch(1)), list(loader(clips, size=1).epoch(1)))


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_clip_is_left_out_and_named(clips, tmp_path, workers):
    (tmp_path / "bad.avi").write_bytes(b"no video" * 40)
    mixed = [*clips[:2], Clip("bad.avi", tmp_path / "bad.avi", 1), *clips[2:]]
    first, *rest = list(loader(mixed, workers, training=False).epoch(0))
    assert first.ids == [clips[0].id, clips[1].id, clips[2].id] and first.targets.tolist() == [0, 1, 2]
    assert first.face.shape[0] == first.context.shape[0] == len(first) == 3
    assert first.bad == [("bad.avi", "not a video, or no frame can be decoded")]
    assert all(batch.bad == [] and len(batch) > 2 for batch in rest)
    assert (first.face > 0).all()  # no zeros stand in for the clip


def test_batch_of_bad_clips_only_is_empty(tmp_path):
    absent = [Clip(f"{i}.avi", tmp_path / f"{i}.avi", 0) for i in range(3)]
    [batch] = loader(absent, training=False).epoch(0)
    assert len(batch) == 0 and batch.face is None and batch.context is None and batch.ids == []
    assert batch.bad == [(f"{i}.avi", "no such file") for i in range(3)]


def test_shares_of_the_notes_add_up_to_the_clips(clips):
    notes = sum((batch.notes for batch in loader(clips).epoch(0)), Counter())
    assert notes == {"face: centre crop": 10, "context: whole frame": 10}


def test_collate_adds_notes_and_keeps_order():
    def sample(name, **notes):
        return Sample(
            name, ord(name), torch.full((1, 3, 2, 2), ord(name), dtype=torch.uint8), None, Counter(notes)
        )

    batch = collate([sample("b", box=1), BadSample("x", "why"), sample("a", box=1, other=1)])
    assert (
        batch.ids == ["b", "a"] and batch.targets.tolist() == [98, 97] and batch.targets.dtype == torch.int64
    )
    assert batch.face[:, 0, 0, 0, 0].tolist() == [98, 97] and batch.context is None
    assert batch.notes == {"box": 2, "other": 1} and batch.bad == [("x", "why")]


def test_frames_are_those_that_the_network_sees(clips):
    evaluated = loader(clips, training=False)
    found = evaluated.frames({clips[1].id, clips[4].id, "unknown"})
    [batch, *_] = list(evaluated.epoch(0))
    assert set(found) == {clips[1].id, clips[4].id}
    assert torch.equal(found[clips[1].id], torch.stack([batch.face[1], batch.context[1]]))


class Blocking(Dataset):
    """Reads its clips, but waits for ever at one."""

    def __init__(self, dataset, blocked):
        self.dataset, self.blocked, self.clips = dataset, blocked, dataset.clips

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, draw):
        if draw.index == self.blocked:
            Event().wait()
        return self.dataset[draw]


def test_reader_that_hangs_is_ended_with_the_clips_name(clips):
    dataset = Blocking(VideoDataset(clips[:3], SETTINGS, 0, False), blocked=1)
    hanging = Loader(dataset, Order([0, 1, 2], 1, 0, shuffle=False), num_workers=1, timeout=2)
    batches = hanging.epoch(0)
    assert next(batches).ids == [clips[0].id]
    with pytest.raises(UserError) as error:
        next(batches)
    assert str(error.value) == f"reading took over 2 s (--reader-timeout): {clips[1].id}"
    for worker in multiprocessing.active_children():
        worker.join(timeout=60)
    assert multiprocessing.active_children() == []  # the one that hangs would keep the program from ending


class Failing(Blocking):
    def __getitem__(self, draw):
        raise RuntimeError("not ours")


def test_other_errors_of_a_reader_are_not_taken_for_a_hang(clips):
    dataset = Failing(VideoDataset(clips[:1], SETTINGS, 0, False), None)
    with pytest.raises(RuntimeError, match="not ours"):
        list(Loader(dataset, Order([0], 1, 0, shuffle=False), 0, 0).epoch(0))


def test_pipe_among_the_clips_is_a_bad_clip(clips, tmp_path):
    os.mkfifo(tmp_path / "x.avi")
    [batch] = loader([clips[0], Clip("x.avi", tmp_path / "x.avi", 0)], training=False).epoch(0)
    assert batch.ids == [clips[0].id] and [name for name, _ in batch.bad] == ["x.avi"]
