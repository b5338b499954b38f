"""Packing and reading packed, through the command line where it can be."""

import json
from dataclasses import replace
from itertools import chain

import pytest
import torch

from dataloaders.boxes import Boxes
from dataloaders.clips import Clip
from dataloaders.loader import BadSample
from dataloaders.order import Draw
from dataloaders.packed import Pack, places
from dataloaders.video import AugmentedDataset, PairDataset, VideoDataset
from main import main
from scripts.pack import main as pack
from tests.dataloaders.footage import frame, write_image, write_video
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
    entries = json.loads((tmp_path / "p/index.json").read_text())["clips"]
    assert entries["train/Anger/1.avi"]["numbers"] == [0, 2, 4, 6, 8] and entries["train/Anger/1.avi"]["frames"] == 9
    assert entries["train/Happy/7.png"]["numbers"] == [0]


def test_bad_clips_are_named(root, packed, tmp_path, capsys):
    assert pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p"), "--workers", "0"]) == 0
    assert "1 clips cannot be read, and are bad in the pack too:\n  train/Sad/0.avi: not a video" in (
        capsys.readouterr().out)
    assert pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p")]) == 2
    assert "is there already" in capsys.readouterr().err


def test_shards_are_tar_files_of_bounded_size_whatever_the_workers(root, packed, tmp_path, monkeypatch):
    import tarfile

    monkeypatch.setattr("dataloaders.packing.Shards.__init__", bounded)
    assert pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p"), "--workers", "2"]) == 0
    small, large = Pack(tmp_path / "p"), Pack(packed)
    assert len(small.shards) > 3 and len(large.shards) == 1
    names = [name for shard, *_ in small.shards for name in tarfile.open(tmp_path / "p" / shard).getnames()]
    assert names == tarfile.open(packed / "00000.tar").getnames()
    assert names[:3] == ["000000.face.000.jpg", "000000.context.000.jpg", "000000.face.001.jpg"]
    index = json.loads((packed / "index.json").read_text())
    with tarfile.open(packed / "00000.tar") as tar:  # the offsets are those that tarfile finds
        at = {info.name: (info.offset_data, info.size) for info in tar}
    for entry in index["clips"].values():
        if "bad" not in entry:
            due = [at[f"{entry['key']}.{s}.{n:03}.jpg"] for n in range(len(entry["steps"]))
                   for s in ("face", "context")]
            assert due == [*zip(places(entry).tolist(), entry["sizes"])]


def bounded(self, folder, largest):
    self.folder, self.largest, self.done, self.tar = folder, 50_000, [], None


def test_what_is_broken_off_leaves_nothing_that_looks_finished(root, tmp_path, monkeypatch):
    from dataloaders import packing

    real, calls = packing._jpeg, []
    monkeypatch.setattr(packing, "_jpeg",
                        lambda picture: 1 / 0 if len(calls) > 40 else calls.append(0) or real(picture))
    with pytest.raises(ZeroDivisionError):
        pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p"), "--workers", "0"])
    assert not (tmp_path / "p").exists()
    monkeypatch.setattr(packing, "_jpeg", real)
    assert pack([str(root / "recipe.yaml"), "--output", str(tmp_path / "p"), "--workers", "0"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


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


CHANGES = {
    "a name that leads out": lambda index, clip: index["shards"][0].__setitem__(0, "../00000.tar"),
    "a foreign format": lambda index, clip: index.update(format="zip"),
    "a place behind the end": lambda index, clip: clip.update(start=10**12),
    "a place before the start": lambda index, clip: clip.update(start=-5000),
    "another shard": lambda index, clip: clip.update(shard=7),
    "a size of nothing": lambda index, clip: clip["sizes"].__setitem__(0, 0),
    "too few frames": lambda index, clip: clip["sizes"].pop(),
    "words": lambda index, clip: clip.update(sizes="all"),
    "an unknown step": lambda index, clip: clip["steps"].__setitem__(0, 99),
    "an unknown clip": lambda index, clip: index["splits"]["train"].append(["x", 0]),
    "an unknown class": lambda index, clip: index["splits"]["train"][0].__setitem__(1, 7),
    "no clips": lambda index, clip: index.pop("clips"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_index_that_cannot_be_right_is_refused(copy, change):
    folder, index = copy
    CHANGES[change](index, index["clips"]["train/Anger/0.avi"])
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="index of a pack"):
        Pack(folder)


@pytest.mark.parametrize("spoil, said", [
    (lambda shard: shard.write_bytes(shard.read_bytes()[:-600]), "bytes, and the index says"),
    (lambda shard: shard.unlink(), "cannot be read"),
    (lambda shard: shard.write_bytes(bytes(shard.stat().st_size)), "no shard of a pack"),
    (lambda shard: shard.write_bytes(b"../../x.face.000.jpg".ljust(100, b"\0") + shard.read_bytes()[100:]), "'../../x"),
])
def test_shards_that_are_not_the_packs_are_refused(copy, spoil, said):
    folder, _ = copy
    spoil(folder / "00000.tar")
    with pytest.raises(UserError) as caught:
        Pack(folder)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", [None, "{", "[]", "[" * 10**5])
def test_no_index(tmp_path, text):
    if text is not None:
        (tmp_path / "index.json").write_text(text)
    with pytest.raises(UserError):
        Pack(tmp_path)


@pytest.mark.parametrize("change", [
    *(lambda index, entry, key=key: entry.pop(key) for key in ("key", "size", "notes", "crcs")),
    lambda index, entry: entry.update(notes="x"), lambda index, entry: entry.update(start=entry["start"] + 0.5),
    lambda index, entry: entry.update(sizes=[float(size) for size in entry["sizes"]]),
    lambda index, entry: entry.update(steps=[float(step) for step in entry["steps"]]),
    lambda index, entry: index["settings"].pop("box_margin"), lambda index, entry: index["settings"].update(side="48"),
    lambda index, entry: index.update(files=[]), lambda index, entry: index.update(said=[[1, 2]] * len(index["said"])),
    lambda index, entry: index.update(classes=list(range(7))),
    lambda index, entry: index["splits"]["train"][0].__setitem__(1, 0.5),
])
def test_an_index_of_other_types_is_refused(copy, change):
    folder, index = copy
    change(index, index["clips"]["train/Anger/0.avi"])
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="not the index of a pack"):
        Pack(folder)


@pytest.mark.parametrize("place", [0, -512, 300])  # the picture, its name in the header, and within the picture
def test_a_damaged_frame_is_a_bad_clip(copy, place):
    folder, index = copy
    entry, data = index["clips"]["train/Anger/0.avi"], bytearray((folder / "00000.tar").read_bytes())
    at = int(places(entry)[2]) + place
    data[at : at + 20] = b"../x".ljust(20, b"\0")
    (folder / "00000.tar").write_bytes(data)
    clip = Clip("train/Anger/0.avi", folder, 0)
    sample = VideoDataset([clip], VideoDataConfig(num_segments=9, image_size=48), 0, pack=Pack(folder))[Draw(0, 0, 0)]
    assert isinstance(sample, BadSample) and "is damaged" in sample.reason


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
