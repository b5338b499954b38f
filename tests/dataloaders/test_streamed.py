"""Batches of a stream: the same for any number of workers and processes, from any place, and as random access has them.
"""

import contextlib
import json
import multiprocessing
import os
import shutil
import weakref
from collections import Counter
from dataclasses import replace

import pytest
import torch

from dataloaders import patience, shards
from dataloaders.lanes import Lanes
from dataloaders.loader import BadSample
from dataloaders.order import Draw
from dataloaders.packed_clip import PackedClip
from dataloaders.shards import Place
from dataloaders.streamed import StreamedLoader
from dataloaders.video import AugmentedDataset, PairDataset, VideoDataset, collate_clips
from main import main
from scripts.pack import main as write
from tests.dataloaders.packs import BAD, DATA, write_pack
from tests.dataloaders.test_loader import assert_same
from tests.several import together
from tests.utils.distributed.test_training import TERMS, train
from utils.config import SimclrDataConfig, VideoDataConfig
from utils.errors import UserError
from utils.structures import Batch

LANES, BUFFER = 4, 16


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """50 clips in 15 shards or so; one of them is bad."""
    pack = write_pack(tmp_path_factory.mktemp("pack") / "p")
    assert len(pack.splits["train"].shards) > 8
    return pack


def loader(pack, workers=0, lanes=LANES, size=8, buffer=BUFFER, kind=AugmentedDataset, data=DATA,
           timeout=100, seed=5) -> StreamedLoader:
    held = pack.splits["train"]
    order = Lanes(tuple(shard.clips for shard in held.shards), size, seed, lanes, buffer)
    return StreamedLoader(kind([], data, seed, pack=pack), order, Place(str(pack.folder)), held, kind is PairDataset,
                          workers, timeout)


@pytest.fixture(scope="module")
def whole(pack):
    """Two epochs."""
    return [list(loader(pack).epoch(epoch)) for epoch in (0, 1)]


def ids(batches) -> list[str]:
    return [name for batch in batches for name in (*batch.ids, *(bad for bad, _ in batch.bad))]


def test_an_epoch_is_every_clip_once_and_another_order_each_time(pack, whole):
    every = sorted(f"train/{index}.avi" for index in range(50))
    assert [sorted(ids(batches)) for batches in whole] == [every, every] and ids(whole[0]) != ids(whole[1])
    assert [len(batch) + len(batch.bad) for batch in whole[0]] == [8] * 6 + [2]
    assert len(loader(pack)) == 7 and loader(pack).size == 50
    assert [bad for batch in whole[0] for bad in batch.bad] == [(f"train/{BAD}.avi", "no such film")]


@pytest.mark.parametrize("workers", [1, 2, 3, 9])
def test_workers_make_no_difference(pack, whole, workers):
    several = loader(pack, workers)
    for epoch in (0, 1):
        assert_same(list(several.epoch(epoch)), whole[epoch])


@pytest.mark.parametrize("world, workers", [(2, 0), (2, 2), (4, 0), (4, 1)])
def test_processes_side_by_side_make_the_same_batches(pack, whole, monkeypatch, world, workers):
    """Each has as many rows of a batch as it would have of any other loader's."""
    monkeypatch.setattr("dataloaders.streamed.world_size", lambda: world)
    shares = []
    for rank in range(world):
        monkeypatch.setattr("dataloaders.streamed.rank", lambda rank=rank: rank)
        shares.append(list(loader(pack, workers).epoch(1)))
    for of_ranks, due in zip(zip(*shares, strict=True), whole[1], strict=True):
        assert_same([joined(of_ranks)], [due])
        size = len(due) + len(due.bad)
        assert [len(part) + len(part.bad) for part in of_ranks] == [
            (rank + 1) * size // world - rank * size // world for rank in range(world)]


@pytest.mark.slow
def test_real_processes_train_on_the_stream_as_one_does(recipe, small, tmp_path):
    """Each step's gradient is that of one process, to 1e-5 of the largest number in any."""
    own, place = small
    flags = f"{TERMS['everything'][1]} --packed {own} --stream {place} --shuffle-buffer 6"
    [alone] = together(1, train, recipe, flags, tmp_path, 4)
    largest = max(float(gradient.abs().max()) for step in alone["gradients"] for gradient in step.values())
    for found in together(3, train, recipe, flags, tmp_path, 4):
        assert len(found["gradients"]) == len(alone["gradients"]) == 4
        for one, other in zip(alone["gradients"], found["gradients"]):
            assert max(float((one[name] - other[name]).abs().max()) for name in one) <= 1e-5 * largest


def test_lanes_that_processes_cannot_share(pack, monkeypatch):
    monkeypatch.setattr("dataloaders.streamed.world_size", lambda: 3)
    with pytest.raises(UserError, match="--stream-lanes 4: must be a multiple of the number of processes, 3"):
        loader(pack)


def joined(parts: list[Batch]) -> Batch:
    parts = [part for part in parts if len(part) or part.bad]
    streams = {name: torch.cat([tensor for part in parts if (tensor := getattr(part, name)) is not None])
               for name in ("targets", "face", "context")}
    return Batch(ids=sum((part.ids for part in parts), []), notes=sum((part.notes for part in parts), Counter()),
                 bad=sum((part.bad for part in parts), []), **streams)


@pytest.mark.parametrize("buffer", [4, 16, 1000])  # a clip of each lane, a few groups, one group
def test_an_epoch_may_begin_at_any_batch(pack, buffer):
    one = loader(pack, buffer=buffer)
    due = list(one.epoch(3))
    for start in range(len(one) + 1):
        assert_same(list(one.epoch(3, start)), due[start:])
    assert_same(list(loader(pack, 2, buffer=buffer).epoch(3, 4)), due[4:])


def test_an_epoch_that_was_left_does_not_leak_into_the_next(pack, whole):
    for workers in (0, 2):
        one = loader(pack, workers)
        unfinished = one.epoch(0)
        next(unfinished)
        assert_same(list(one.epoch(1)), whole[1])
        assert_same(list(one.epoch(1)), whole[1])


@pytest.mark.parametrize("kind, data", [
    (VideoDataset, DATA), (AugmentedDataset, DATA), (AugmentedDataset, replace(DATA, streams="face")),
    (PairDataset, SimclrDataConfig(image_size=24, num_segments=2))])
def test_samples_are_those_of_random_access(pack, kind, data):
    """Of the same draws, to the pixel. The targets of pairs are their numbers."""
    clips = [replace(clip, label=number) if kind is PairDataset else clip
             for number, clip in enumerate(pack.clips()["train"])]
    files = kind(clips, data, 5, pack=pack)
    for batch in loader(pack, kind=kind, data=data).epoch(2):
        numbers = [int(name[6:-4]) for name in batch.ids]
        due = collate_clips([files[Draw(2, number, 0)] for number in numbers])
        assert batch.ids == due.ids and torch.equal(batch.targets, due.targets) and batch.notes == due.notes
        assert torch.equal(batch.face, due.face)
        assert (batch.context is None) == (data.streams == "face")
        assert batch.context is None or torch.equal(batch.context, due.context)


@pytest.mark.parametrize("lanes, buffer", [(1, 1), (1, 20), (4, 16), (8, 8)])
def test_no_more_clips_are_held_than_the_buffer_says(pack, monkeypatch, lanes, buffer):
    """While one more is made a sample of, at most `buffer` wait."""
    alive, most, real = weakref.WeakSet(), [], PackedClip.__init__

    def born(self, *args):
        real(self, *args)
        alive.add(self)
        most.append(len(alive))

    monkeypatch.setattr(PackedClip, "__init__", born)
    one = loader(pack, lanes=lanes, buffer=buffer)
    assert len(list(one.epoch(0))) == 7
    assert (buffer - lanes) // 2 < max(most) <= buffer + 1
    most.clear()
    assert len(list(one.epoch(0, 2))) == 5  # of what comes before that batch nothing is held
    assert max(most) <= buffer + 1


def test_the_first_samples_are_read_here_and_only_lanes_that_are_needed(pack, whole):
    one = loader(pack, 2)
    lane = [batch.ids[place] for batch in whole[0] for place in (0, 1) if not batch.bad]
    assert one.first(5).ids == lane[:5] and one.first(100).ids == [
        sample.id for sample in one.samples() if not isinstance(sample, BadSample)]
    assert len(one.first(100)) == 49 and one.examples({"train/1.avi"}) == {}
    assert_same(list(one.epoch(1)), whole[1])


# What goes wrong


@pytest.fixture
def copy(pack, tmp_path):
    folder = shutil.copytree(pack.folder, tmp_path / "copy")
    return folder, type(pack)(folder)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_clip_is_left_out_and_named_and_no_other_is(copy, pack, whole, workers):
    folder, own = copy
    path, start, _ = pack._place("train/7.avi")
    with (folder / path.name).open("r+b") as file:
        file.seek(start + 600)
        file.write(b"\0\0\0")
    found = list(loader(own, workers).epoch(0))
    [(name, reason)] = [bad for batch in found for bad in batch.bad if bad[0] != f"train/{BAD}.avi"]
    assert name.startswith(f"{path.name}: 0000000") and reason == f"{name} is damaged"
    assert [[one for one in batch.ids if one != "train/7.avi"] for batch in whole[0]] == [batch.ids for batch in found]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("spoil, said", [
    (lambda shard: os.truncate(shard, 9000), "9000 bytes, and the index says"), (os.unlink, "cannot be read: ")])
def test_a_shard_that_cannot_be_read_ends_it_with_one_line(copy, workers, spoil, said):
    folder, own = copy
    shard = folder / own.splits["train"].shards[3].name
    spoil(shard)
    with pytest.raises(UserError) as caught:
        list(loader(own, workers).epoch(0))
    assert said in str(caught.value) and str(caught.value).startswith(f"--stream {shard}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_place_that_breaks_off_is_tried_again_and_told_of(pack, whole, monkeypatch, workers):
    monkeypatch.setattr(shards, "WAITS", [0])
    real = Place.open

    def breaking(place, name):
        file = real(place, name)
        if name.endswith("2.tar") and name not in broken:
            broken.append(name)
            monkeypatch.setattr(file, "f", FailsOnce(file.f))
        return file

    broken = []
    monkeypatch.setattr(Place, "open", breaking)
    batches = list(loader(pack, workers).epoch(0))
    notes = sum((batch.notes for batch in batches), Counter())
    assert notes - sum((batch.notes for batch in whole[0]), Counter()) == {"stream broke off": 2}
    for batch in batches:
        del batch.notes["stream broke off"]
    assert_same(batches, whole[0])


class FailsOnce:
    """An open file whose third read fails, and is the last."""

    def __init__(self, file):
        self.file, self.left = file, 3

    def read(self, size: int) -> bytes:
        self.left -= 1
        if not self.left:
            raise ConnectionResetError(104, "reset")
        return self.file.read(size)

    def __getattr__(self, name):
        return getattr(self.file, name)


def test_a_place_that_hangs_is_ended_with_the_shards_name(copy):
    folder, own = copy
    for shard in own.splits["train"].shards:
        os.unlink(folder / shard.name)
        os.mkfifo(folder / shard.name)  # nobody ever writes to it
    before = set(multiprocessing.active_children())
    with pytest.raises(UserError) as caught:
        list(loader(own, 1, timeout=10).epoch(0))
    assert str(caught.value).startswith("reading took over 10 s (--reader-timeout): train-000")
    for worker in set(multiprocessing.active_children()) - before:
        worker.join(timeout=60)
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.parametrize("look", [lambda one: list(one.epoch(0)), lambda one: one.first(3)])
def test_a_place_that_hangs_is_told_of_where_the_main_process_reads_it(copy, monkeypatch, look):
    folder, own = copy
    shards = [folder / shard.name for shard in own.splits["train"].shards]
    for shard in shards:
        os.unlink(shard)
        os.mkfifo(shard)
    told, one = [], loader(own)
    one.dataset.config = replace(one.dataset.config, reader_timeout=3)

    def let_go(text: str) -> None:
        """In place of the process's end: what is being read ends at once."""
        told.append(text)
        for shard in shards:
            with contextlib.suppress(OSError):  # nobody reads this one
                os.close(os.open(shard, os.O_WRONLY | os.O_NONBLOCK))

    monkeypatch.setattr(patience, "_give_up", let_go)
    with pytest.raises(UserError, match="cannot be read|bytes, and the index says"):
        look(one)
    assert len(told) == 1 and told[0].startswith("reading took over 3 s (--reader-timeout): train-000")


def test_labels_that_the_pack_has_not(pack, whole):
    one = loader(pack)
    one.clips.classes = 2
    found = list(one.epoch(0))
    bad = dict(one for batch in found for one in batch.bad)
    assert set(bad) == {f"train/{i}.avi" for i in range(2, 50, 3)}
    assert bad["train/8.avi"].endswith(".json has a label or number that the pack has not")


# Settings


@pytest.mark.parametrize("size, lanes", [(1, 1), (8, 8), (14, 14), (17, 17), (37, 1), (64, 32), (96, 32), (100, 25)])
def test_lanes_are_the_largest_divisor_of_the_batch_up_to_32(size, lanes):
    assert VideoDataConfig(batch_size=size).lanes == lanes
    assert VideoDataConfig(batch_size=size, stream_lanes=3).lanes == 3


@pytest.mark.parametrize("changes, said", [
    ({"packed": None}, "--stream there: give --packed FOLDER too"), ({"stream": ""}, "--stream: give a folder"),
    ({"label_fraction": 0.5, "use_weighted_sampler": True}, "not go with --label-fraction, --use-weighted-sampler,"),
    ({"val_fraction": 0.1}, "does not go with --val-fraction,"), ({"cache_features": True}, "with --cache-features,"),
    ({"stream_lanes": 3}, "--stream-lanes 3: must divide --batch-size 8"), ({"stream_lanes": -1}, "--stream-lanes -1"),
    ({"shuffle_buffer": 0}, "--shuffle-buffer 0"),
])
def test_settings_that_do_not_go_with_a_stream(tmp_path, changes, said):
    with pytest.raises(UserError) as caught:
        VideoDataConfig(**{"stream": "there", "packed": tmp_path, "batch_size": 8} | changes)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_unlabelled_clips_are_not_in_a_stream(tmp_path):
    with pytest.raises(UserError, match="--stream: does not go with --unlabelled,"):
        SimclrDataConfig(stream="there", packed=tmp_path, unlabelled=tmp_path)


def test_settings_of_a_stream_say_so_without_one(recipe, capsys):
    assert main(["train", str(recipe), "--shuffle-buffer", "9"]) == 2
    assert "shuffle_buffer: used with --stream only" in capsys.readouterr().err


# Training


@pytest.fixture(scope="module")
def small(recipe, tmp_path_factory):
    """The pack of the small recipe in two folders: one without training shards, and one whole."""
    place = tmp_path_factory.mktemp("small") / "place"
    assert write([str(recipe), "--output", str(place), "--workers", "0"]) == 0
    own = shutil.copytree(place, place.with_name("own"))
    for path in own.glob("train*"):
        path.unlink()
    return own, place


def test_train_eval_and_check_read_the_stream(recipe, small, tmp_path, capsys):
    own, place = small
    words = [str(recipe), "--packed", str(own), "--stream", str(place), "--root-dir", str(tmp_path / "none")]
    run = tmp_path / "run"
    assert main(["train", *words, "--output-dir", str(run)]) == 0
    assert {"val", "test"} <= json.loads((run / "metrics.json").read_text()).keys() and (run / "report.html").is_file()
    session = json.loads((run / "provenance.json").read_text())["sessions"][0]
    assert session["splits"]["train"]["of"] == "shards" and session["splits"]["train"]["count"] == 1
    assert "error" not in {found["level"] for found in json.loads((run / "health.json").read_text())}
    assert "train: is streamed; only its first 14 of 14 clips are looked at" in (run / "check.json").read_text()
    assert main(["eval", str(run), "--split", "train"]) == 0
    out = capsys.readouterr().out
    assert "train: 14 clips" in out
    assert main(["check", *words, "--output-dir", str(tmp_path / "check")]) == 0
    assert (tmp_path / "check/check.html").is_file()


def test_pretraining_reads_the_stream(simclr_recipe, recipe, tmp_path):
    """And its probe reads the labels there."""
    place = tmp_path / "place"
    words = [str(simclr_recipe), "--root-dir", next(line[10:] for line in recipe.read_text().splitlines()
                                                    if line.startswith("root_dir: "))]
    assert write([*words, "--output", str(place), "--workers", "0"]) == 0
    words += ["--packed", str(place), "--stream", str(place), "--output-dir", str(tmp_path / "run")]
    assert main(["train", *words, "--epochs", "1"]) == 0
    assert "linear" in json.loads((tmp_path / "run/metrics.json").read_text())["test"]["probes"]
    assert main(["check", *words[:-1], str(tmp_path / "check")]) == 0


def test_a_stream_that_cannot_be_reached_is_one_line(recipe, small, tmp_path, capsys):
    own, place = small
    words = ["train", str(recipe), "--packed", str(own), "--output-dir", str(tmp_path / "run")]
    assert main(words) == 2  # without the stream the clips would have to be there
    assert "train-00000.tar: cannot be read" in capsys.readouterr().err
    assert main([*words, "--stream", str(tmp_path / "none")]) == 2
    err = capsys.readouterr().err.strip().splitlines()
    assert len(err) == 1 and f"--stream {tmp_path}/none/index.json: cannot be read" in err[0]
