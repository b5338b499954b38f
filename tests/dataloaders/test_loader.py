import multiprocessing
import os
import pickle
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Client
from threading import Event

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from dataloaders import workers as module
from dataloaders.clips import Clip
from dataloaders.loader import LOSSES, BadSample, Loader
from dataloaders.order import Draw, Order
from dataloaders.video import AugmentedDataset, PairDataset, VideoDataset, collate_clips
from dataloaders.workers import GRACE, Deaths, Lost, _end_workers, _in_worker
from tests.dataloaders.footage import frame as picture
from tests.dataloaders.footage import write_image, write_video
from tests.over import assert_over
from utils.config import SimclrDataConfig, VideoDataConfig
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
    return load((AugmentedDataset if training else VideoDataset)(clips, SETTINGS, 5), workers, size, training, timeout)


def load(dataset, workers, size=4, training=True, timeout=100):
    return Loader(dataset, Order(len(dataset), size, 5, shuffle=training), collate_clips, workers, timeout)


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


def test_workers_make_no_difference_to_pairs(clips):
    pairs = PairDataset(clips, SimclrDataConfig(num_segments=2, image_size=24), 5)
    alone, two = (load(pairs, workers) for workers in (0, 2))
    assert next(alone.epoch(0)).face.shape == (4, 2, 2, 3, 24, 24)
    for epoch in (0, 1):
        assert_same(list(alone.epoch(epoch)), list(two.epoch(epoch)))
    assert_same(list(two.epoch(1, start=2)), list(alone.epoch(1))[2:])


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


class Words:
    """The least that a Loader needs of a data set; the example of every second one is not to be had."""

    unit, ids = "words", ["one", "two", "three"]

    def __len__(self):
        return 3

    def __getitem__(self, draw: Draw):
        return draw

    def example(self, index: int):
        return self.ids[index].upper() if index % 2 == 0 else None


def words(**options) -> Loader:
    return Loader(Words(), Order(3, 2, 0, shuffle=False, **options), list, 0, 0)


def test_examples_are_the_data_sets_own_of_the_ids_asked_for():
    assert words().examples({"one", "two", "unknown"}) == {"one": "ONE"}
    assert words().examples({"three", "one"}) == {"one": "ONE", "three": "THREE"}


def test_a_batch_is_what_collate_makes_of_the_draws_samples():
    assert list(words().epoch(4)) == [[Draw(4, 0, 0), Draw(4, 1, 0)], [Draw(4, 2, 0)]]


@pytest.mark.parametrize("options, unit", [
    ({}, "words"), (dict(repeats=np.array([1, 1, 1])), "words"), (dict(repeats=np.array([1, 3, 1])), "draws"),
    (dict(weights=np.ones(3)), "draws")])
def test_draws_are_not_called_by_the_data_sets_unit(options, unit):
    assert words(**options).unit == unit


class Blocking(Dataset):
    """Reads its clips, but waits for ever at one."""

    def __init__(self, dataset, blocked):
        self.dataset, self.blocked, self.ids = dataset, blocked, dataset.ids

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, draw):
        if draw.index == self.blocked:
            Event().wait()
        return self.dataset[draw]


@pytest.mark.slow
def test_a_clip_at_which_two_readers_hang_is_left_out_with_its_name(clips, caplog):
    dataset, before = Blocking(VideoDataset(clips[:3], SETTINGS, 0), blocked=1), set(multiprocessing.active_children())
    hanging = Loader(dataset, Order(3, 1, 0, shuffle=False), collate_clips, num_workers=1, timeout=12)
    said = "reading took over 12 s (--reader-timeout)"
    for epoch in range(2):
        batches = list(hanging.epoch(epoch))
        assert [batch.ids for batch in batches] == [[clips[0].id], [], [clips[2].id]]
        assert [batch.bad for batch in batches] == [[], [(clips[1].id, said)], []]
        assert [record.message for record in caplog.records] == 2 * [f"{said}: {clips[1].id}; another process reads on"]
    assert len(set(multiprocessing.active_children()) - before) == 1


class Slow(Blocking):
    """Takes half a second for each."""

    def __getitem__(self, draw):
        Event().wait(0.5)
        return self.dataset[draw]


def test_a_batch_may_take_longer_than_the_time_out_of_a_sample(clips):
    slow = Loader(Slow(VideoDataset(clips[:8], SETTINGS, 0), None), Order(8, 8, 0, shuffle=False), collate_clips,
                  num_workers=1, timeout=3)
    batch, = slow.epoch(0)
    assert batch.ids == [clip.id for clip in clips[:8]]


@pytest.mark.parametrize("ages, samples, over", [
    ([1, 9], [4, 5], []), ([1, 11], [4, 5], [5]), ([1, 11], [4, -1], []), ([12, 11], [4, -1], [4]),
    ([12, 11], [-1, -1], []), ([12, 13], [6, 7], [6, 7])])
def test_who_is_over_time(clips, monkeypatch, ages, samples, over):
    """A worker that does nothing is none, unless all of them do nothing, and still no answer comes. Where all are over
    time, it is not their samples that are to blame."""
    two, asked = loader(clips, workers=2, timeout=10), []
    now = time.monotonic_ns()
    monkeypatch.setattr(module.time, "monotonic_ns", lambda: now)
    two._batches.reading[:] = torch.tensor([[7, sample, now - age * 10**9] for age, sample in zip(ages, samples)])

    def ask():
        asked.append(1)
        if len(asked) == 1:
            raise RuntimeError("DataLoader timed out after 10 seconds")
        return "answer"

    if over or min(ages) > 10:
        said = ", ".join(clips[index].id for index in over) or "nothing"
        with pytest.raises(Lost, match=rf"^reading took over 10 s \(--reader-timeout\): {said}$") as lost:
            two._batches._awaited(ask, again=True)
        assert lost.value.samples == (over if len(over) < 2 else [])
    else:
        assert two._batches._awaited(ask, again=True) == "answer"
    assert len(asked) == 1 + (not over and min(ages) <= 10)


class Fatal(Blocking):
    """Reads its clips, and ends its process at one."""

    def __getitem__(self, draw):
        if draw.index == self.blocked:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(draw)


@pytest.fixture
def alone():
    """No loader process is there from before, or stays."""
    def clear():
        handler = signal.getsignal(signal.SIGCHLD)
        _end_workers()
        for child in multiprocessing.active_children():
            child.join()
        signal.signal(signal.SIGCHLD, handler)

    clear()
    yield
    clear()


@pytest.mark.slow
def test_a_clip_that_brings_two_processes_down_is_left_out_and_others_in_their_hands_are_read(clips, alone, caplog):
    """As is one that the other process was reading, which waits for ever, when its own time has come."""
    dataset = Fatal(Blocking(VideoDataset(clips[:4], SETTINGS, 0), blocked=2), blocked=1)
    fatal = Loader(dataset, Order(4, 1, 0, shuffle=False), collate_clips, num_workers=2, timeout=12)
    batches = list(fatal.epoch(0))
    assert [batch.ids for batch in batches] == [[clips[0].id], [], [], [clips[3].id]]
    bad = dict(one for batch in batches for one in batch.bad)
    assert bad == {clips[1].id: "a loader process died while reading it",
                   clips[2].id: "reading took over 12 s (--reader-timeout)"}
    told = [record.message.partition(": DataLoader worker ")[0] for record in caplog.records]
    assert told == 2 * [f"a loader process died while reading {clips[1].id}"] + 2 * [
        f"reading took over 12 s (--reader-timeout): {clips[2].id}; another process reads on"]


def test_a_process_that_dies_is_told_of_when_the_next_batch_is_waited_for(clips, alone, caplog):
    """And not while it is used, where the error would be taken for one of whatever is being done."""
    batches = loader(clips, workers=1, size=1).epoch(0)
    next(batches)
    assert_goes_on(batches, list(loader(clips, size=1).epoch(0))[1:], caplog)


def test_a_process_that_dies_between_two_epochs_is_told_of_as_soon_as_the_next_one_begins(clips, alone, caplog):
    two = loader(clips, workers=1, size=1)
    list(two.epoch(0))
    assert_goes_on(two.epoch(1), list(loader(clips, size=1).epoch(1)), caplog)


def test_a_death_is_told_of_at_once_also_after_another_loaders_were_ended(clips, alone, caplog):
    """As in a notebook, after an error."""
    list(loader(clips, workers=1, size=1).epoch(0))
    _end_workers()
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
    batches = loader(clips, workers=1, size=1).epoch(0)
    next(batches)
    assert_goes_on(batches, list(loader(clips, size=1).epoch(0))[1:], caplog)


def assert_goes_on(batches: Iterator, due: list, caplog) -> None:
    """The only process is killed while nobody waits for it; all that is due comes, and it is told of once."""
    child, = multiprocessing.active_children()
    child.kill()
    assert_over([child.pid])  # which takes no notice of it in torch's place
    assert_same(list(batches), due)
    (told,) = [record.message for record in caplog.records]
    assert re.fullmatch(rf"a loader process died while reading .* {child.pid}\) .*; another process reads on", told)


def test_processes_that_die_again_and_again_and_read_nothing_end_the_run(clips, monkeypatch):
    monkeypatch.setattr(module, "_in_worker", lambda worker: os._exit(3))
    with pytest.raises(UserError, match="^a loader process died while reading nothing: "):
        list(loader(clips, workers=1).epoch(0))


class Deadly(Blocking):
    """Ends its process at each."""

    def __getitem__(self, draw):
        os._exit(7)


def test_where_no_batch_comes_nobody_tries_for_ever(clips, caplog):
    dataset = Deadly(VideoDataset(clips[:8], SETTINGS, 0), None)
    deadly = Loader(dataset, Order(8, 8, 0, shuffle=False), collate_clips, num_workers=1, timeout=60)
    with pytest.raises(UserError, match=f"^a loader process died while reading {clips[2].id}: "):
        list(deadly.epoch(0))
    assert len(caplog.records) == LOSSES == 4


def test_where_no_process_begins_anew(clips, monkeypatch):
    """None is overdue, and still they do not answer."""
    two = loader(clips, workers=2, timeout=10)
    two._batches.reading[:] = torch.tensor([[7, 1, time.monotonic_ns()]] * 2)

    def ask():
        raise RuntimeError("DataLoader timed out after 10 seconds")

    with pytest.raises(Lost, match="^loader processes do not begin anew .DataLoader timed out after 10 seconds.$"):
        two._batches._awaited(ask)


def test_another_loaders_death_is_left_to_it(clips, alone, caplog):
    """Even where it is told of while this one is waited for."""
    one, other = (loader(clips, workers=1, size=1) for _ in range(2))
    due = [list(one.epoch(epoch)) for epoch in (0, 1)]
    child, = multiprocessing.active_children()
    batches = other.epoch(0)
    first = next(batches)
    child.kill()
    assert_over([child.pid])
    assert_same([first, *batches], due[0])
    assert caplog.records == []
    assert_same(list(one.epoch(1)), due[1])
    assert len(caplog.records) == 1 and str(child.pid) in caplog.records[0].message


@pytest.mark.parametrize("to_blame, losses", [([[1], [], [2], [3]], 4), ([[], []], 2), ([[1], [], []], 3),
                                              ([[1]] * 5, 5), ([[1], [1], [2], [2]], 4)])
def test_losses_without_a_batch_between_them(clips, to_blame, losses, caplog):
    one = loader(clips[:2], size=1, training=False)
    due, left = list(one.epoch(0)), [Lost("lost", samples, "why") for samples in to_blame]

    class Losing:
        def __iter__(self):
            if left:
                raise left.pop(0)
            yield from due

    one._batches = Losing()
    if len(to_blame) > 4 or to_blame.count([]) > 1:
        with pytest.raises(Lost):
            list(one.epoch(0))
        assert len(caplog.records) == losses - 1
    else:
        assert list(one.epoch(0)) == due and len(caplog.records) == losses
        assert {number: len(reasons) for number, reasons in one._watched.ends.items()} == Counter(sum(to_blame, []))


def test_what_a_process_needs_can_be_sent_to_one_that_is_not_forked(clips):
    one = loader(clips)
    one._watched.ends[2] += ["once", "twice"]
    sent = pickle.loads(pickle.dumps(one._watched))
    assert sent[Draw(0, 2, 0)] == BadSample(clips[2].id, "twice") and sent[Draw(0, 1, 0)].id == clips[1].id


def test_other_loaders_processes_go_on(clips, alone):
    other, dataset = loader(clips, workers=1), Fatal(VideoDataset(clips[:2], SETTINGS, 0), blocked=1)
    due = list(other.epoch(0))
    kept, = multiprocessing.active_children()
    fatal = Loader(dataset, Order(2, 1, 0, shuffle=False), collate_clips, num_workers=1, timeout=100)
    assert [batch.ids for batch in fatal.epoch(0)] == [[clips[0].id], []]
    assert_same(list(other.epoch(0)), due)
    assert kept in multiprocessing.active_children() and len(multiprocessing.active_children()) == 2


def gone():
    raise ConnectionResetError(104, "Connection reset by peer")


def killed(*_) -> None:
    raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")


def test_an_answer_that_a_process_could_not_hand_over_before_it_died(monkeypatch, clips):
    """A tensor is fetched from the process itself. Its death may be told of in a moment, or has been."""
    slept, deaths = [], Deaths()
    monkeypatch.setattr(Deaths, "_listen", lambda self: None)
    monkeypatch.setattr(module.time, "sleep", slept.append)
    with pytest.raises(RuntimeError, match="DataLoader worker exited unexpectedly: .* Connection reset by peer"):
        deaths.wait_for(gone, lambda: {7})
    assert slept == [GRACE] and not deaths.waiting
    deaths.handler = killed
    monkeypatch.setattr(module.time, "sleep", lambda seconds: deaths._hear(signal.SIGCHLD, None))
    with pytest.raises(RuntimeError, match="pid 7"):
        deaths.wait_for(gone, lambda: {7})


@pytest.mark.parametrize("own, heard", [({7}, [5, 7]), ({8}, [5, 7, 9]), (set(), [5, 7, 9])])
def test_only_the_death_of_those_who_are_waited_for_breaks_in(own, heard):
    """torch tells of one loader's each time, and once."""
    deaths, told, left = Deaths(), [], [5, 7, 9]

    def handler(*_) -> None:
        if left:
            told.append(left.pop(0))
            raise RuntimeError(f"DataLoader worker (pid {told[-1]}) is killed by signal: Killed. ")

    def ask() -> str:
        deaths._hear(signal.SIGCHLD, None)
        return "answer"

    deaths.handler, deaths._listen = handler, lambda: None
    if own & set(told + left):
        with pytest.raises(RuntimeError, match="pid 7"):
            deaths.wait_for(ask, lambda: own)
    else:
        assert deaths.wait_for(ask, lambda: own) == "answer"
    assert told == heard and not deaths.waiting


def test_a_reader_s_own_error_is_not_taken_for_a_death(monkeypatch):
    def failing():
        raise FileNotFoundError("Caught FileNotFoundError in DataLoader worker process 0.")

    monkeypatch.setattr(module.time, "sleep", killed)
    monkeypatch.setattr(Deaths, "_listen", lambda self: None)
    with pytest.raises(FileNotFoundError):
        Deaths().wait_for(failing, set)


@pytest.mark.parametrize("said, names", [
    ("DataLoader worker (pid 71) is killed by signal: Killed. ", [1]),
    ("DataLoader worker (pid(s) 71, 72) exited unexpectedly", [1, 3]),
    ("DataLoader worker (pid(s) 73) exited unexpectedly", []),
    ("DataLoader worker exited unexpectedly: [Errno 71] x", [])])
def test_of_several_processes_those_that_died_are_asked_what_they_were_reading(clips, said, names):
    two = loader(clips, workers=2)
    two._batches.reading[:] = torch.tensor([[71, 1, 0], [72, 3, 0]])
    assert str(two._batches._named(RuntimeError(said))) == (
        f"a loader process died while reading {', '.join(clips[i].id for i in names) or 'nothing'}: {said}")


class Failing(Blocking):
    def __getitem__(self, draw):
        raise RuntimeError("not ours")


def test_other_errors_of_a_reader_are_not_taken_for_a_hang(clips):
    dataset = Failing(VideoDataset(clips[:1], SETTINGS, 0), None)
    with pytest.raises(RuntimeError, match="not ours"):
        list(Loader(dataset, Order(1, 1, 0, shuffle=False), collate_clips, 0, 0).epoch(0))


def test_pipe_among_the_clips_is_a_bad_clip(clips, tmp_path):
    os.mkfifo(tmp_path / "x.avi")
    [batch] = loader([clips[0], Clip("x.avi", tmp_path / "x.avi", 0)], training=False).epoch(0)
    assert batch.ids == [clips[0].id] and [name for name, _ in batch.bad] == ["x.avi"]


def broken_off() -> None:
    """A process in the midst of handing something over by a thread of its own, as tensors are."""
    from multiprocessing.reduction import DupFd
    from multiprocessing.resource_sharer import _resource_sharer

    _in_worker(0)
    address, _ = DupFd(0)._id
    for _ in range(2):
        Client(address, authkey=multiprocessing.current_process().authkey).close()
    sys.excepthook(KeyError, KeyError("ours"), None)
    _resource_sharer.stop(timeout=60)


def test_a_main_process_that_breaks_off_a_handing_over_is_not_told_of_it(capfd):
    process = multiprocessing.get_context("fork").Process(target=broken_off)
    process.start()
    process.join()
    assert capfd.readouterr().err == "KeyError: 'ours'\n"
