"""Packing and reading packed, through the command line where it can be."""

import hashlib
import json
import os
import re
import struct
import tarfile
import zlib
from dataclasses import replace
from itertools import chain
from threading import Event

import cv2
import numpy as np
import pytest
import torch

from dataloaders import packing
from dataloaders.boxes import Boxes
from dataloaders.clips import Clip, ClipError
from dataloaders.loader import BadSample
from dataloaders.order import Draw
from dataloaders.packed import Pack
from dataloaders.packed_clip import PackedClip, from_json, places, to_json
from dataloaders.packing import Shards
from dataloaders.video import AugmentedDataset, PairDataset, VideoDataset
from main import main
from scripts.pack import main as pack
from tests.dataloaders.footage import frame, write_image, write_video
from tests.dataloaders.watched import watched_reads
from utils.config import SimclrDataConfig, VideoDataConfig
from utils.errors import UserError

CLASSES = ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
SETTINGS = """\
dataset: caer
clip_pretrained: none
image_size: 48
num_segments: 4
val_fraction: 0.5
bounding_box_face: faces.json
augment: 0.0
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Videos, a folder of frames with a gap in its numbers, images, a file of no video; boxes of many a kind."""
    root = tmp_path_factory.mktemp("files")
    for label, name in enumerate(CLASSES):
        for number in range(2):
            write_video(root / "train" / name / f"{number}.avi", 9 + label)
    (root / "train/Sad/0.avi").write_bytes(b"no video" * 99)
    cut_short = (root / "train/Fear/0.avi").read_bytes()
    (root / "train/Fear/0.avi").write_bytes(cut_short[:-len(cut_short) // 8])
    write_image(root / "train/Happy/7.png", frame(21))
    boxes = {"train/Anger/0": [16, 20, 32, 36], "train/Disgust/0": [500, 500, 600, 600],
             "train/Fear/0": {"2.jpg": [0, 20, 16, 36], "5.jpg": [9, 9, 1, 1]}}
    (root / "faces.json").write_text(json.dumps(boxes))
    (root / "recipe.yaml").write_text(f"root_dir: {root}\n{SETTINGS}")
    return root


@pytest.fixture(scope="module")
def packed(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs") / "pack"
    assert pack([str(root / "recipe.yaml"), "--output", str(folder), "--workers", "0"]) == 0
    return folder


@pytest.fixture
def both(root, packed):
    """The same data set from files and packed."""
    clips = {clip.id: clip for clip in chain(*Pack(packed).clips().values())}
    own = [Clip(name, root / name, clip.label) for name, clip in clips.items()]
    faces = Boxes(root / "faces.json")

    def make(kind=VideoDataset, config=VideoDataConfig, **changes):
        data = config(num_segments=4, image_size=48, **changes)
        return kind(own, data, 3, faces), kind([*clips.values()], data, 3, pack=Pack(packed))

    return make


@pytest.mark.parametrize("kind, config, changes", [
    (VideoDataset, VideoDataConfig, {}), (VideoDataset, VideoDataConfig, {"streams": "face"}),
    (AugmentedDataset, VideoDataConfig, {"random_erasing": 0.5}), (PairDataset, SimclrDataConfig, {"window": 0.6}),
])
def test_samples_and_notes_are_those_of_the_files(both, kind, config, changes):
    files, pack = both(kind, config, **changes)
    notes, bad = [], 0
    for index in range(len(files)):
        for epoch in range(3):
            due, made = files[Draw(epoch, index, 0)], pack[Draw(epoch, index, 0)]
            if isinstance(due, BadSample):
                assert made == due
                bad += 1
                continue
            assert (made.id, made.target) == (due.id, due.target)
            notes += made.notes
            if "video file cut short" in due.notes:  # which reader can read it depends on the frames that are asked for
                for sample in (due, made):
                    sample.notes.pop("video read with OpenCV", 0)
                assert made.notes == due.notes
                continue
            assert dict(made.notes) == dict(due.notes)
            for stream in ("face", "context"):
                one, other = getattr(due, stream), getattr(made, stream)
                assert (one is None) == (other is None)
                if one is not None:
                    assert one.shape == other.shape and other.dtype == torch.uint8
                    assert (one.float() - other.float()).abs().mean() < 1.5
    assert bad == 3 and {"face: face box", "face: centre crop", "unusable face box", "face box of another frame",
                         "video file cut short"} <= {*notes}


def test_examples_are_shown(both):
    files, pack = both()
    index = files.ids.index("train/Anger/0.avi")
    assert (files.example(index).float() - pack.example(index).float()).abs().mean() < 1.5


def test_smaller_frames_are_made_of_larger_ones(root, packed):
    clip = Clip("train/Anger/1.avi", root / "train/Anger/1.avi", 0)
    data = VideoDataConfig(num_segments=4, image_size=24)
    due, made = (VideoDataset([clip], data, 0, pack=one)[Draw(0, 0, 0)] for one in (None, Pack(packed)))
    assert made.face.shape == due.face.shape and (made.face.float() - due.face.float()).abs().mean() < 6


def test_longer_clips_keep_frames_at_even_distances(root, tmp_path, capsys):
    words = [str(root / "recipe.yaml"), "--output", str(tmp_path / "p"), "--most-frames", "5", "--workers", "0"]
    assert pack(words) == 0
    assert "13 clips have more than 5 frames (--most-frames)" in capsys.readouterr().out
    entry = Pack(tmp_path / "p").clip("train/Anger/1.avi").entry
    assert entry["numbers"] == [0, 2, 4, 6, 8] and entry["frames"] == 9
    assert Pack(tmp_path / "p").clip("train/Happy/7.png").entry["numbers"] == [0]


def test_bad_clips_are_named(root, packed, tmp_path, capsys):
    assert pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p"), "--workers", "0"]) == 0
    assert "1 clips cannot be read, and are bad in the pack too:\n  train/Sad/0.avi: not a video" in (
        capsys.readouterr().out)
    assert pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p")]) == 2
    assert "is there already" in capsys.readouterr().err


def test_shards_are_tar_files_of_bounded_size_whatever_the_workers(root, packed, tmp_path, monkeypatch):
    """Each clip is told of first, and its frames follow; where it begins is where tarfile finds it."""
    monkeypatch.setattr("dataloaders.packing.Shards.__init__", bounded)
    assert pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p"), "--workers", "2"]) == 0
    small, large = Pack(tmp_path / "p").splits["train"], Pack(packed).splits["train"]
    assert len(small.shards) > 3 and [shard.name for shard in large.shards] == ["train-00000.tar"]
    assert small.size == large.size == 15 and small.counts == large.counts == (2, 2, 2, 3, 2, 2, 2)
    members = [member for shard in small.shards for member in members_of(tmp_path / "p" / shard.name)]
    assert members == members_of(packed / "train-00000.tar")
    names = [name for name, _ in members]
    assert names[:3] == ["000000000.json", "000000000.face.000.jpg", "000000000.context.000.jpg"]
    told = [json.loads(data) for name, data in members if name.endswith(".json")]
    assert len(told) == 15 and sorted(entry["index"] for entry in told) == list(range(15))
    assert [entry["index"] for entry in told] != list(range(15))  # classes are mixed
    rows = json.loads((tmp_path / "p/train.json").read_text())
    for entry in told:
        name, label, size, shard, start = rows[entry["index"]]
        assert (name, label, size) == (entry["id"], entry["label"], (root / name).stat().st_size)
        with tarfile.open(tmp_path / "p" / small.shards[shard].name) as tar:
            own = {info.offset: info for info in tar}
            first = own[start]
            assert json.load(tar.extractfile(first)) == entry
            at = places(entry, first.offset_data + first.size + -first.size % 512)[:-1]
            of_clip = [info for info in own.values() if info.name.startswith(first.name[:10]) and info != first]
            assert at == ([info.offset_data for info in of_clip] if "bad" not in entry else [])


def members_of(path):
    with tarfile.open(path) as tar:
        return [(info.name, tar.extractfile(info).read()) for info in tar]


def bounded(self, folder, split, largest, real=Shards.__init__):
    real(self, folder, split, 50_000)


def test_what_is_broken_off_leaves_nothing_that_looks_finished(root, tmp_path, monkeypatch):
    real, calls = packing._jpeg, []
    monkeypatch.setattr(packing, "_jpeg",
                        lambda picture: 1 / 0 if len(calls) > 40 else calls.append(0) or real(picture))
    with pytest.raises(ZeroDivisionError):
        pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p"), "--workers", "0"])
    assert not (tmp_path / "p").exists()
    monkeypatch.setattr(packing, "_jpeg", real)
    assert pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p"), "--workers", "0"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


@pytest.mark.parametrize("ends, said", [
    (lambda: os._exit(7), "a loader process died while reading it"),
    (lambda: Event().wait(), "reading took over 5 s (--reader-timeout)")])
def test_a_clip_that_hangs_or_brings_its_reader_down_is_bad(root, tmp_path, monkeypatch, capsys, ends, said):
    real = packing.read_clip
    monkeypatch.setattr(packing, "read_clip",
                        lambda path, pick: ends() if path.parts[-2:] == ("Happy", "1.avi") else real(path, pick))
    flags = ["--workers", "1", "--reader-timeout", "5"]
    assert pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p"), *flags]) == 0
    told = capsys.readouterr().out
    assert "2 clips cannot be read, and are bad in the pack too:\n" in told
    assert f"\n  train/Happy/1.avi: {said}\n" in told
    with pytest.raises(ClipError, match=re.escape(said)):
        Pack(tmp_path / "p").streams("train/Happy/1.avi", lambda count: [0], 48, True)


def test_a_clip_that_hangs_is_watched_for_in_the_main_process_too(root, tmp_path, monkeypatch):
    watched = watched_reads(monkeypatch, packing)
    flags = ["--workers", "0", "--reader-timeout", "9"]
    assert pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p"), *flags]) == 0
    assert len(watched) == 15 and (9, "train/Happy/1.avi") in watched


# What is refused


@pytest.mark.parametrize("changes, said", [
    ({"image_size": 64}, "side 48, and the recipe says 64"), ({"box_margin": 0.3}, "box_margin 0.2"),
    ({"missing_box": "full"}, "missing_box centre, and the recipe says full"),
    ({"centre_crop": 0.5}, "centre_crop 0.7"),
    ({"dataset": "caer_s"}, "dataset caer, and"), ({"bounding_box_face": None}, "another --bounding-box-face"),
    ({"train_annotation": "faces.json"}, "another --train-annotation (none) than the recipe's (sha256"),
])
def test_other_geometry_or_files_are_refused(root, packed, changes, said):
    data = VideoDataConfig(root_dir=root, image_size=48, bounding_box_face=root / "faces.json")
    assert Pack(packed).serving(data).side == 48
    with pytest.raises(UserError, match=".") as caught:
        Pack(packed).serving(replace(data, **changes))
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.fixture
def copy(packed, tmp_path):
    """A copy of the pack, and its index to change."""
    import shutil

    folder = shutil.copytree(packed, tmp_path / "copy")
    return folder, json.loads((folder / "index.json").read_text())


def shards_of(index):
    return index["splits"]["train"]["shards"]


@pytest.mark.parametrize("change", [
    lambda index: shards_of(index)[0].__setitem__(0, "../00000.tar"), lambda index: index.update(format="zip"),
    lambda index: shards_of(index)[0].__setitem__(3, 0), lambda index: shards_of(index)[0].__setitem__(3, 14),
    lambda index: shards_of(index)[0].__setitem__(1, "long"), lambda index: shards_of(index)[0].pop(),
    lambda index: index["splits"]["train"]["counts"].pop(), lambda index: index.pop("splits"),
    lambda index: index["splits"].__setitem__("../x", index["splits"].pop("train")),
    lambda index: index["splits"].__setitem__("(", {"shards": [], "counts": [0] * 7, "ids": 0, "table": ""}),
    lambda index: index["splits"]["train"].update(ids=0.5), lambda index: index["splits"]["train"].pop("table"),
    lambda index: index["settings"].pop("box_margin"), lambda index: index["settings"].update(side="48"),
    lambda index: index.update(files=[]), lambda index: index.update(classes=list(range(7))),
])
def test_an_index_that_cannot_be_right_is_refused(copy, change):
    folder, index = copy
    change(index)
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="not the index of a pack"):
        Pack(folder)


def test_a_pack_of_an_older_format_is_packed_again(copy):
    folder, index = copy
    (folder / "index.json").write_text(json.dumps(index | {"format": "camxuc pack 1"}))
    with pytest.raises(UserError, match="index.json: of an older format; pack the clips again$"):
        Pack(folder)


@pytest.mark.parametrize("change", [
    lambda rows: rows[0].__setitem__(4, 10**12), lambda rows: rows[0].__setitem__(4, -512),
    lambda rows: rows[0].__setitem__(3, 7), lambda rows: rows[0].__setitem__(3, -1), lambda rows: rows[0].pop(),
    lambda rows: rows[0].__setitem__(1, 7), lambda rows: rows[0].__setitem__(1, 0.5),
    lambda rows: rows[0].__setitem__(0, 7), lambda rows: rows[0].__setitem__(4, 0.5), lambda rows: rows.pop(),
])
def test_a_table_that_cannot_be_right_is_refused(copy, change):
    folder, index = copy
    rows = json.loads((folder / "train.json").read_text())
    change(rows)
    (folder / "train.json").write_text(json.dumps(rows))
    with pytest.raises(UserError, match="train.json: not the table of a pack .*not the one that the index tells of"):
        Pack(folder).clips()
    index["splits"]["train"]["table"] = hashlib.sha256((folder / "train.json").read_bytes()).hexdigest()
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="train.json: not the table of a pack"):
        Pack(folder).clips()


@pytest.mark.parametrize("spoil, said", [
    (lambda shard: shard.write_bytes(shard.read_bytes()[:-600]), "bytes, and the index says"),
    (lambda shard: shard.unlink(), "cannot be read"),
    (lambda shard: shard.write_bytes(bytes(shard.stat().st_size)), "no shard of a pack"),
    (lambda shard: shard.write_bytes(b"../../x.face.000.jpg".ljust(100, b"\0") + shard.read_bytes()[100:]), "'../../x"),
])
def test_shards_that_are_not_the_packs_are_refused(copy, spoil, said):
    folder, _ = copy
    spoil(folder / "train-00000.tar")
    with pytest.raises(UserError) as caught:
        Pack(folder).clips()
    assert said in str(caught.value)


@pytest.mark.parametrize("text", [None, "{", "[]", "[" * 10**5])
def test_no_index(tmp_path, text):
    if text is not None:
        (tmp_path / "index.json").write_text(text)
    with pytest.raises(UserError):
        Pack(tmp_path)


@pytest.mark.parametrize("change", [
    *(lambda entry, key=key: entry.pop(key)
      for key in ("id", "index", "label", "side", "streams", "numbers", "notes", "said", "steps", "sizes", "crcs")),
    lambda entry: entry.update(notes="x"), lambda entry: entry["sizes"].__setitem__(0, 0),
    lambda entry: entry["sizes"].pop(), lambda entry: entry["steps"].__setitem__(0, 99),
    lambda entry: entry["steps"].__setitem__(0, -1), lambda entry: entry.update(sizes="all"),
    lambda entry: entry.update(sizes=[float(size) for size in entry["sizes"]]), lambda entry: entry.update(label=0.5),
    lambda entry: entry.update(said=[[1, 2]]), lambda entry: entry.update(streams=["face", "../x"]),
    lambda entry: entry.update(index=-1), lambda entry: entry.update(side="48"),
])
def test_what_is_told_of_a_clip_must_go_together(packed, change):
    entry = Pack(packed).clip("train/Anger/0.avi").entry
    assert from_json(to_json(entry)) == entry
    change(entry)
    assert from_json(to_json(entry)) is None


def test_damage_to_what_is_told_of_a_clip_shows(packed):
    entry = Pack(packed).clip("train/Anger/0.avi").entry
    data = to_json(entry)
    assert all(from_json(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) is None for at in range(len(data)))


@pytest.mark.parametrize("member, place", [  # a picture's start, its name, within it; within KEY.json, its name
    (2, 0), (2, -512), (2, 300), (None, 30), (None, -512)])
def test_a_damaged_frame_is_a_bad_clip(copy, member, place):
    folder, _ = copy
    data = bytearray((folder / "train-00000.tar").read_bytes())
    _, _, _, _, start = next(row for row in json.loads((folder / "train.json").read_text())
                             if row[0] == "train/Anger/0.avi")
    size = int(data[start + 124 : start + 135], 8)
    entry = json.loads(data[start + 512 : start + 512 + size])
    at = place + (start + 512 if member is None else places(entry, start + 512 + size + -size % 512)[member])
    data[at : at + 20] = b"../x".ljust(20, b"\0")
    (folder / "train-00000.tar").write_bytes(data)
    clip = Clip("train/Anger/0.avi", folder, 0)
    sample = VideoDataset([clip], VideoDataConfig(num_segments=9, image_size=48), 0, pack=Pack(folder))[Draw(0, 0, 0)]
    assert isinstance(sample, BadSample) and "is damaged" in sample.reason


def clip_of(picture: bytes, streams: list[str], side: int = 8) -> PackedClip:
    """Of one frame."""
    entry = {"id": "a", "index": 0, "label": 0, "side": side, "streams": streams, "frames": 1, "numbers": [0],
             "notes": [], "said": [[["face: face box"], ["context: whole frame"]]], "steps": [0],
             "sizes": [len(picture)] * len(streams), "crcs": [zlib.crc32(picture)] * len(streams)}
    assert from_json(to_json(entry)) is not None
    return PackedClip("train-00000.tar", "000000000", entry, lambda place: picture)


def test_a_picture_that_says_to_be_huge_is_damaged():
    """OpenCV has a bound of its own, and an error of its own for it."""
    picture = bytearray(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    at = picture.index(b"\xff\xc0") + 5  # height and width
    picture[at : at + 4] = struct.pack(">HH", 9000, 9000)
    face, _, _ = clip_of(bytes(picture), ["face"]).streams(lambda count: [0], 8, False)
    with pytest.raises(ClipError, match="^train-00000.tar: 000000000.face.000.jpg is damaged$"):
        next(face)


def test_a_clip_without_the_context_that_is_asked_for_is_damaged():
    picture = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    assert next(clip_of(picture, ["face"]).streams(lambda count: [0], 8, False)[0]).shape == (8, 8, 3)
    with pytest.raises(ClipError, match="^train-00000.tar: 000000000.json has no context, as the pack has; "):
        clip_of(picture, ["face"]).streams(lambda count: [0], 8, True)


def test_clips_of_a_shard_that_is_gone_are_bad(copy):
    folder, _ = copy
    own = Pack(folder)
    clip = own.clips()["train"][0]
    for shard in folder.glob("train-*.tar"):
        shard.unlink()
    sample = VideoDataset([clip], VideoDataConfig(num_segments=9, image_size=48), 0, pack=own)[Draw(0, 0, 0)]
    assert sample.reason.startswith("train-") and "cannot be read: [Errno 2] No such file" in sample.reason


# Training


@pytest.fixture(scope="module")
def small(recipe, tmp_path_factory):
    """The pack of the small recipe."""
    folder = tmp_path_factory.mktemp("small") / "pack"
    assert pack([str(recipe), "--output", str(folder), "--workers", "0"]) == 0
    return folder


def test_train_eval_and_check_read_the_pack(recipe, small, caer, tmp_path, capsys):
    words = [str(recipe), "--packed", str(small), "--root-dir", str(tmp_path / "none")]
    run = tmp_path / "run"
    assert main(["train", *words, "--output-dir", str(run)]) == 0
    scores = json.loads((run / "metrics.json").read_text())
    assert {"val", "test"} <= scores.keys()
    files = json.loads((run / "provenance.json").read_text())["sessions"][0]["files"]
    assert {"packed", "recipe"} == {*files} and len(files["packed"]["sha256"]) == 64
    assert main(["eval", str(run), "--split", "val"]) == 0
    capsys.readouterr()
    assert main(["check", *words, "--output-dir", str(tmp_path / "check")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "packed-not-audited clips are read packed" in said and "run `check` without --packed" in said


def test_order_and_fingerprints_are_those_of_the_files(configure, small):
    from pathlib import Path

    from dataloaders import build_loaders
    from dataloaders.fingerprints import fingerprints

    made = {}
    for flags in ("", f"--packed {small}"):
        config = configure(flags)
        loaders, labels = build_loaders(config, Path())
        visits = {split: [batch.ids for batch in loader.epoch(1)] for split, loader in loaders.items()}
        made[flags] = visits, labels.classes, fingerprints(config, loaders, True)
    assert made[""] == made[f"--packed {small}"]


def test_unlabelled_clips_are_not_in_a_pack(simclr_recipe, small, caer, capsys):
    words = [str(simclr_recipe), "--unlabelled", str(caer)]
    assert main(["train", *words, "--packed", str(small)]) == 2
    assert pack([*words, "--output", str(small / "x")]) == 2
    assert "--unlabelled" in capsys.readouterr().err
