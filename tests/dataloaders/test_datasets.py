import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders import build_loaders
from dataloaders.clips import Clip
from dataloaders.datasets import CAER, DATASETS, RAER, find_file, load_splits, stratified
from tests.dataloaders.footage import frame, write_image
from utils.config import VideoDataConfig
from utils.errors import UserError
from utils.recipe import load_config


def folders(root, layout, classes=CAER):
    """Write images into root/FOLDER/CLASS, as many as the layout says."""
    for folder, count in layout.items():
        for label, name in enumerate(classes):
            for number in range(count):
                write_image(root / folder / name / f"{number:03}.png", frame(label))
    return root


def listing(root, name, classes, count=1, base=0, split="train"):
    lines = [
        f"{split}/{c}/{i:03}.png 1 {label + base}" for label, c in enumerate(classes) for i in range(count)
    ]
    (root / name).write_text("\n".join(lines))
    return Path(name)


def labels(clips):
    return Counter(clip.label for clip in clips)


def test_labels_by_folder_name(tmp_path):
    root = folders(tmp_path, {"CAER/train": 2, "CAER/validation": 1, "CAER/test": 1})
    splits = load_splits(VideoDataConfig(dataset="caer", root_dir=root), 0)
    assert splits.classes == CAER and {split: len(clips) for split, clips in splits.clips.items()} == {
        "train": 14,
        "val": 7,
        "test": 7,
    }
    assert all(clip.id.split("/")[1:3] == ["train", CAER[clip.label]] for clip in splits.clips["train"])


def test_lists_stand_under_the_root_or_anywhere(tmp_path):
    root = folders(tmp_path / "root", {"train": 1})
    (tmp_path / "lists").mkdir()
    inside = listing(root, "train.txt", CAER, base=1)
    outside = tmp_path / "lists" / listing(tmp_path / "lists", "val.txt", CAER, base=1)
    splits = load_splits(VideoDataConfig(root_dir=root, train_annotation=inside, val_annotation=outside), 0)
    assert (
        [clip.label for clip in splits.clips["train"]]
        == [clip.label for clip in splits.clips["val"]]
        == list(range(7))
    )
    assert set(splits.clips) == {"train", "val"}
    assert find_file(inside, root, "--x") == root / "train.txt"


def test_a_list_under_the_root_comes_before_one_in_the_working_folder(tmp_path, monkeypatch):
    for place in (tmp_path / "root", tmp_path / "elsewhere"):
        place.mkdir()
        (place / "train.txt").touch()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert find_file(Path("train.txt"), tmp_path / "root", "--x") == tmp_path / "root" / "train.txt"
    assert find_file(Path("train.txt"), None, "--x") == Path("train.txt")


def test_two_data_sets_under_one_root_are_not_mixed(tmp_path):
    root = folders(tmp_path, {"A/train": 1, "B/train": 1, "B/validation": 1, "B/test": 1})
    with pytest.raises(UserError, match=r"holds 2 data sets; give one as --root-dir: .*A, .*B$"):
        load_splits(VideoDataConfig(root_dir=root), 0)
    assert set(load_splits(VideoDataConfig(root_dir=root / "B"), 0).clips) == {"train", "val", "test"}


def test_a_split_beside_the_training_folder_is_not_taken_from_another_place(tmp_path):
    root = folders(tmp_path, {"A/train": 2, "B/validation": 1})
    with pytest.raises(UserError, match="no validation clips"):
        load_splits(VideoDataConfig(root_dir=root), 0)


# Holding out


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.floats(0.01, 0.99), st.integers(0, 99))
def test_held_out_share_of_every_class(classes, fraction, seed):
    clips = [Clip(str(i), Path(str(i)), label) for i, label in enumerate(classes)]
    chosen = stratified(clips, fraction, seed)
    assert chosen == stratified(clips, fraction, seed)
    held = labels(clips[i] for i in chosen)
    for label, count in Counter(classes).items():
        assert held[label] == (0 if count == 1 else min(max(round(count * fraction), 1), count - 1))


def test_validation_is_held_out_of_training(tmp_path):
    config = VideoDataConfig(root_dir=folders(tmp_path, {"train": 10, "test": 1}), val_fraction=0.3)
    splits = load_splits(config, 0).clips
    assert labels(splits["val"]) == dict.fromkeys(range(7), 3) and labels(splits["train"]) == dict.fromkeys(
        range(7), 7
    )
    assert len({clip.id for split in ("train", "val") for clip in splits[split]}) == 70
    assert load_splits(config, 0).clips == splits != load_splits(config, 1).clips
    assert load_splits(config, 1).clips["test"] == splits["test"]


def test_a_validation_split_that_is_there_is_used_as_it_is(tmp_path, caplog):
    config = VideoDataConfig(root_dir=folders(tmp_path, {"train": 4, "val": 1}), val_fraction=0.5)
    assert {split: len(clips) for split, clips in load_splits(config, 0).clips.items()} == {
        "train": 28,
        "val": 7,
    }
    assert "--val-fraction 0.5 is not used: there is a validation split" in caplog.text


def test_digits_are_written_and_then_read_by_folder_name(tmp_path):
    config = VideoDataConfig(dataset="digits", root_dir=tmp_path / "digits", val_fraction=0.5)
    splits = load_splits(config, 7)
    assert splits.classes == list("0123456789") and load_splits(config, 8) == splits
    # Of classes of 178, 182, 177, 183, 181, 182, 181, 179, 174 and 180: a fifth and a tenth of each, rounded.
    test, val = (36, 36, 35, 37, 36, 36, 36, 36, 35, 36), (18, 18, 18, 18, 18, 18, 18, 18, 17, 18)
    assert [labels(splits.clips[split]) for split in ("test", "val")] == [dict(enumerate(n)) for n in (test, val)]
    assert len(splits.clips["train"]) == 1797 - sum(test) - sum(val)
    for split, clips in splits.clips.items():
        folder = {"val": "validation"}.get(split, split)
        assert all(clip.id.rpartition("/")[0] == f"{folder}/{clip.label}" for clip in clips)


# Errors


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_no_root(dataset):
    with pytest.raises(UserError, match=f"{dataset}: .*--root-dir"):
        load_splits(VideoDataConfig(dataset=dataset), 0)


@pytest.mark.parametrize("dataset", sorted(set(DATASETS) - {"demo", "digits"}))
def test_no_such_root(dataset, tmp_path):
    with pytest.raises(UserError, match="--root-dir .*absent: no such folder"):
        load_splits(VideoDataConfig(dataset=dataset, root_dir=tmp_path / "absent"), 0)


def test_a_root_that_was_not_unzipped(tmp_path):
    (tmp_path / "faces.zip").touch()
    with pytest.raises(UserError, match="faces.zip: unzip it first"):
        load_splits(VideoDataConfig(dataset="fer2013", root_dir=tmp_path / "faces.zip"), 0)


def test_root_without_lists_and_folders(tmp_path):
    with pytest.raises(UserError, match="no list file given, and no folder `train`"):
        load_splits(VideoDataConfig(root_dir=tmp_path), 0)


def test_list_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="--train-annotation absent.txt: no such file, nor is it under"):
        load_splits(VideoDataConfig(root_dir=tmp_path, train_annotation=Path("absent.txt")), 0)


def test_only_another_split_has_a_list(tmp_path):
    with pytest.raises(UserError, match="--train-annotation is missing"):
        load_splits(VideoDataConfig(root_dir=tmp_path, val_annotation=listing(tmp_path, "v.txt", CAER)), 0)


def test_class_without_a_training_clip(tmp_path):
    root = folders(tmp_path, {"validation": 1})
    folders(root, {"train": 1}, [name for name in CAER if name not in ("Fear", "Sad")])
    with pytest.raises(UserError, match="train: no clip of class Fear, Sad; it cannot be learned"):
        load_splits(VideoDataConfig(root_dir=root), 0)


@pytest.mark.parametrize("name", ["absent.png", "x" * 300 + ".png"])
def test_none_of_the_listed_clips_exists(tmp_path, name):
    (tmp_path / "t.txt").write_text("\n".join(f"{name} 1 {label}" for label in range(7)))
    with pytest.raises(
        UserError, match=r"train: none of 7 listed clips exists, e.g. .*\.png; check --root-dir"
    ):
        load_splits(
            VideoDataConfig(root_dir=tmp_path, train_annotation=Path("t.txt"), val_annotation=Path("t.txt")), 0
        )


def test_no_validation_clips(tmp_path):
    root = folders(tmp_path, {"train": 2})
    for fraction in (0.0, 0.1):
        config = VideoDataConfig(root_dir=root, val_fraction=fraction)
        if fraction:
            assert len(load_splits(config, 0).clips["val"]) == 7
        else:
            with pytest.raises(
                UserError, match="no validation clips: give --val-annotation FILE, or --val-fraction"
            ):
                load_splits(config, 0)


def test_daisee_without_a_training_list(tmp_path):
    with pytest.raises(UserError, match="daisee: give --train-annotation"):
        load_splits(VideoDataConfig(dataset="daisee", root_dir=tmp_path), 0)


def test_fer2013_validation_folder_is_the_test_split(tmp_path):
    root = folders(tmp_path, {"fer2013/train": 5, "fer2013/validation": 2})
    splits = load_splits(VideoDataConfig(dataset="fer2013", root_dir=root, val_fraction=0.2), 0).clips
    assert {clip.id.split("/")[1] for clip in splits["train"] + splits["val"]} == {"train"}
    assert {clip.id.split("/")[1] for clip in splits["test"]} == {"validation"}
    assert {split: len(clips) for split, clips in splits.items()} == {"train": 28, "val": 7, "test": 14}


# The sets beside the project, with the recipes that are for them

EMOJI = {
    "caer": (
        CAER,
        {"train": 96, "val": 14, "test": 14},
        "--train-annotation train.txt --val-annotation validation.txt --test-annotation test.txt "
        "--bounding-box-face face.json",
    ),
    "raer": (
        RAER,
        {"train": 34, "val": 5, "test": 5},
        "--bounding-box-face face.json --bounding-box-body body.json --crop-body",
    ),
    "daisee": (
        ["Very Low Engagement", "Low Engagement", "High Engagement", "Very High Engagement"],
        {"train": 26, "val": 4, "test": 4},
        "",
    ),
}


@pytest.mark.parametrize("name", sorted(EMOJI))
def test_shared_sets_load_with_their_recipes(shared, name):
    root = shared(f"emoji-{name}")
    classes, sizes, flags = EMOJI[name]
    config = load_config(name, f"--root-dir {root} {flags} --num-workers 0 --image-size 32".split())
    assert load_splits(config.data, 0).classes == classes
    loaders, found = build_loaders(config, root)
    assert found.classes == classes and {split: loader.size for split, loader in loaders.items()} == sizes
    batch = next(loaders["val"].epoch(0))
    assert batch.bad == [] and batch.face.shape == (len(batch), config.data.num_segments, 3, 32, 32)
    for loader in loaders.values():
        assert {clip.label for clip in loader.dataset.clips} == set(range(len(classes)))
        assert all(clip.path.exists() for clip in loader.dataset.clips)


def test_shared_caer_notes_equal_counting_boxes_by_hand(shared):
    root = shared("emoji-caer")
    config = load_config(
        "caer",
        f"--root-dir {root} {EMOJI['caer'][2]} --num-workers 0 --image-size 16 --num-segments 1".split(),
    )
    keys = set(json.loads((root / "face.json").read_text()))
    ids = [line.split()[0] for line in (root / "validation.txt").read_text().splitlines()]
    by_hand = sum(clip[: -len(".avi")] in keys for clip in ids)
    notes = sum((batch.notes for batch in build_loaders(config, root)[0]["val"].epoch(0)), Counter())
    assert notes["face: face box"] == by_hand == 13 and notes["face: centre crop"] == len(ids) - by_hand


def test_daisee_target_of_the_shared_set(shared):
    root = shared("emoji-daisee")
    config = load_config("daisee", f"--root-dir {root} --target Boredom".split()).data
    splits = load_splits(config, 0)
    assert splits.classes[0] == "Very Low Boredom"
    column = [
        int(line.split(",")[1]) for line in (root / "Labels/TestLabels.csv").read_text().splitlines()[1:]
    ]
    assert [clip.label for clip in splits.clips["test"]] == column
    with pytest.raises(UserError, match="no column 'Joy'"):
        load_splits(replace(config, target="Joy"), 0)
