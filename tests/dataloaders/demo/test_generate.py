"""Checks the written data set: files, lists, boxes, identities, and that it appears whole or not at all."""

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from dataloaders.demo import CLASSES, DemoSize, generate_demo
from dataloaders.demo import generate as module
from utils.errors import UserError

SIZE = DemoSize(clips=(21, 7, 14), identities=(4, 2, 3), frames=5, width=96, height=72)
SPLITS = {"train": 21, "validation": 7, "test": 14}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "data"
    generate_demo(folder, seed=3, size=SIZE, workers=1)
    return folder


def _listed(root: Path, split: str) -> list[tuple[str, int, int]]:
    rows = [line.split() for line in (root / f"{split}.txt").read_text().splitlines()]
    return [(path, int(frames), int(label)) for path, frames, label in rows]


def _decode(path: Path) -> np.ndarray:
    video, frames = cv2.VideoCapture(str(path)), []
    while (read := video.read())[0]:
        frames.append(read[1])
    return np.stack(frames)


def _digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    content = {p: _decode(p).tobytes() if p.suffix == ".avi" else p.read_bytes() for p in files}
    return {str(p.relative_to(root)): hashlib.sha256(data).hexdigest() for p, data in content.items()}


@pytest.mark.parametrize("split", SPLITS)
def test_lists_agree_with_folders_and_decoded_videos(root, split):
    rows = _listed(root, split)
    assert Counter(label for _, _, label in rows) == {label: SPLITS[split] // 7 for label in range(7)}
    for path, frames, label in rows:
        assert Path(path).parts[:3] == ("CAER", split, CLASSES[label])
        assert _decode(root / path).shape == (frames, 72, 96, 3)
    on_disk = {str(path.relative_to(root)) for path in root.glob(f"CAER/{split}/*/*.avi")}
    assert on_disk == {path for path, _, _ in rows}


def test_classes_are_those_of_caer_in_order():
    assert CLASSES == ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")


def test_one_clip_in_ten_has_no_box(root):
    boxes = json.loads((root / "face.json").read_text())
    for split, without in {"train": 2, "validation": 1, "test": 1}.items():  # of 21, 7 and 14
        names = {path.removesuffix(".avi") for path, _, _ in _listed(root, split)}
        assert len(names - boxes.keys()) == without
    assert len(boxes) == 42 - 4


def test_boxes_lie_in_the_frame_and_are_as_big_as_a_face(root):
    for x1, y1, x2, y2 in json.loads((root / "face.json").read_text()).values():
        assert -4 < x1 < x2 < 96 + 4 and -4 < y1 < y2 < 72 + 4
        assert 24 < y2 - y1 < 50 and 0.6 < (x2 - x1) / (y2 - y1) < 1.4


def test_no_identity_is_in_two_splits(root):
    seen: dict[str, set[str]] = {split: set() for split in SPLITS}
    with open(root / "identities.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert row["clip"].split("/")[1] == row["split"]
        seen[row["split"]].add(row["identity"])
    assert {split: len(who) for split, who in seen.items()} == {"train": 3 + 1, "validation": 2, "test": 3}
    assert not seen["train"] & seen["validation"] and not (seen["train"] | seen["validation"]) & seen["test"]
    listed = [path for split in SPLITS for path, _, _ in _listed(root, split)]
    assert sorted(row["clip"] for row in rows) == sorted(listed)


def test_result_depends_on_the_seed_and_not_on_the_workers(root, tmp_path):
    generate_demo(tmp_path / "two", seed=3, size=SIZE, workers=2)
    generate_demo(tmp_path / "other", seed=4, size=SIZE, workers=1)
    expected, other = _digests(root), _digests(tmp_path / "other")
    assert _digests(tmp_path / "two") == expected
    assert other.keys() == expected.keys()
    assert not [name for name in other if name.endswith(".avi") and other[name] == expected[name]]


def test_complete_data_are_left_alone(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    generate_demo(root, seed=3, size=SIZE, workers=1)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


@pytest.mark.parametrize("seed, size", [(4, SIZE), (3, DemoSize(clips=(7, 7, 7)))])
def test_other_demo_data_are_not_overwritten(root, seed, size):
    before = (root / "demo.json").read_bytes()
    with pytest.raises(UserError, match="remove it or name another folder"):
        generate_demo(root, seed=seed, size=size, workers=1)
    assert (root / "demo.json").read_bytes() == before


def test_foreign_folder_is_an_error_and_stays(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="data exists and is not the demo data"):
        generate_demo(tmp_path / "data", size=SIZE, workers=1)
    assert [path.name for path in tmp_path.rglob("*.*")] == ["thesis.txt"]


def test_empty_folder_is_filled(tmp_path):
    small = DemoSize(clips=(7, 7, 7), identities=(1, 1, 1), frames=2, width=64, height=48)
    generate_demo(tmp_path, size=small, workers=1)
    assert len(list(tmp_path.rglob("*.avi"))) == 21


def test_interrupted_generation_leaves_nothing_and_can_be_repeated(tmp_path, monkeypatch):
    written, write = [], module._write_video

    def interrupted(path, frames):
        if len(written) == 9:
            raise KeyboardInterrupt
        written.append(path)
        write(path, frames)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_video", interrupted)
        with pytest.raises(KeyboardInterrupt):
            generate_demo(tmp_path / "data", size=SIZE, workers=1)
    assert len(written) == 9 and list(tmp_path.iterdir()) == []
    generate_demo(tmp_path / "data", size=SIZE, workers=1)
    assert len(list((tmp_path / "data").rglob("*.avi"))) == 42


def test_folder_without_manifest_is_not_taken_as_complete(root, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.txt").write_bytes((root / "train.txt").read_bytes())
    with pytest.raises(UserError, match="not the demo data"):
        generate_demo(tmp_path / "data", seed=3, size=SIZE, workers=1)


@pytest.mark.parametrize(
    "change",
    [
        dict(clips=(20, 7, 7)),
        dict(clips=(7, 0, 7)),
        dict(identities=(1, 1, 0)),
        dict(frames=1),
        dict(height=71),
    ],
)
def test_impossible_sizes_are_errors(tmp_path, change):
    with pytest.raises(UserError, match="demo data"):
        generate_demo(tmp_path / "data", size=DemoSize(**change))
    assert list(tmp_path.iterdir()) == []


def test_negative_seed_is_an_error(tmp_path):
    with pytest.raises(UserError, match="-1"):
        generate_demo(tmp_path / "data", seed=-1)
