"""Settings on their way into the loaders of clips, seen in the batches that come out."""

import json
import logging
import multiprocessing
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from dataloaders.clip_loaders import clip_loaders, simclr_loaders
from dataloaders.datasets import CAER
from dataloaders.loader import Loader
from dataloaders.order import Draw
from dataloaders.video import AugmentedDataset, PairDataset, VideoDataset
from tests.dataloaders.footage import numbers_of, write_image, write_video
from utils.errors import UserError
from utils.recipe import load_config
from utils.structures import Labels

STILL, FILM = "validation/Anger/1.png", "validation/Anger/2.avi"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """train/CLASS: four images of the first class, one of each other; validation: an image and a video of 40 frames."""
    root, stream = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    names = [f"train/{name}/{i}.png" for name in CAER for i in range(4 if name == CAER[0] else 1)]
    for name in (*names, STILL):
        write_image(root / name, stream.integers(0, 120, (40, 56, 3)).astype(np.uint8))  # none is as grey as a patch
    write_video(root / FILM, 40)
    return root


@pytest.fixture
def build(root, configure):
    """The loaders with flags."""
    return lambda flags="", labels=None: clip_loaders(configure(f"--root-dir {root} {flags}"), root, labels)[0]


def seen(loader: Loader, clip: str) -> torch.Tensor:
    """The face stream of a clip, (T, S, S, 3)."""
    return loader.examples({clip})[clip][0].permute(0, 2, 3, 1)


def pixels(root: Path) -> torch.Tensor:
    """Of the image, (40, 56, 3) RGB."""
    return torch.from_numpy(cv2.imread(str(root / STILL))[..., ::-1].copy())


@pytest.mark.parametrize("size, batches", [(3, [3, 3, 3, 1]), (4, [4, 4, 2])])
def test_batch_size(build, size, batches):
    assert [len(batch) for batch in build(f"--batch-size {size}")["train"].epoch(0)] == batches


def test_sampler_power(build):
    """A class of four clips among classes of one: a clip's chance is count ** -power."""
    for power, chance in ((0, 1), (0.5, 1 / 2), (1, 1 / 4), (2, 1 / 16)):
        order = build(f"--use-weighted-sampler --sampler-power {power}")["train"].order
        assert order.weights.tolist() == pytest.approx([chance] * 4 + [1] * 6)
    assert build("--sampler-power 2")["train"].order.weights is None


def test_reader_timeout(build):
    assert {loader.timeout for loader in build("--reader-timeout 7").values()} == {7}


def test_streams(build):
    batches = [next(build(flags)["val"].epoch(0)) for flags in ("", "--streams face")]
    assert [batch.context is None for batch in batches] == [False, True]


@pytest.mark.parametrize("missing, note", [("centre", "face: centre crop"), ("full", "face: full frame")])
def test_missing_box_of_one_kind_or_the_other(build, missing, note):
    [batch] = build(f"--missing-box {missing}")["val"].epoch(0)
    assert batch.notes[note] == 2 and batch.bad == []


def test_missing_box_that_is_an_error(build):
    [batch] = build("--missing-box error")["val"].epoch(0)
    assert batch.bad == [(clip, "no usable face box, and --missing-box error") for clip in (STILL, FILM)]


@pytest.mark.parametrize("share, size, rows, columns", [(0.5, 20, (10, 30), (18, 38)), (1, 40, (0, 40), (8, 48))])
def test_centre_crop(build, root, share, size, rows, columns):
    """The middle of 40 x 56 pixels, in a picture as large as the crop."""
    frames = seen(build(f"--centre-crop {share} --image-size {size}")["val"], STILL)
    assert (frames == pixels(root)[slice(*rows), slice(*columns)]).all()


@pytest.mark.parametrize("margin, size, rows, columns", [(0, 20, (10, 30), (20, 40)), (0.25, 30, (5, 35), (15, 45))])
def test_box_margin(build, root, tmp_path, margin, size, rows, columns):
    """A box of 20 x 20 pixels, in a picture as large as the box with its margin."""
    boxes = tmp_path / "face.json"
    boxes.write_text(json.dumps({STILL: [20, 10, 40, 30]}))
    frames = seen(build(f"--bounding-box-face {boxes} --box-margin {margin} --image-size {size}")["val"], STILL)
    assert (frames == pixels(root)[slice(*rows), slice(*columns)]).all()


def test_crop_body(build, tmp_path):
    boxes = tmp_path / "body.json"
    boxes.write_text(json.dumps({STILL: [20, 10, 40, 30]}))
    for flag, note in (("--crop-body", "context: body box"), ("--no-crop-body", "context: whole frame")):
        sample = build(f"{flag} --bounding-box-body {boxes}")["val"].dataset[Draw(0, 0, 0)]
        assert (sample.id, sample.notes[note]) == (STILL, 1)


@pytest.mark.parametrize("segments, duration, numbers", [
    (2, 1, [10, 30]), (2, 3, [9, 10, 11, 28, 29, 30]), (4, 1, [5, 15, 25, 35]),
])
def test_segments_and_duration(build, segments, duration, numbers):
    """From the middle of each segment's possible starts, of 40 frames."""
    flags = f"--num-segments {segments} --duration {duration} --missing-box full"
    assert numbers_of(seen(build(flags)["val"], FILM).numpy()) == numbers


def training_frames(loaders: dict[str, Loader]) -> torch.Tensor:
    """Of every training clip, both streams, (N, T, 3, S, S)."""
    samples = [loaders["train"].dataset[Draw(0, index, 0)] for index in range(10)]
    return torch.stack([stream for sample in samples for stream in (sample.face, sample.context)])


def test_augment(build):
    plain = training_frames(build("--augment 1 --random-erasing 1", Labels(CAER))).float()
    none, weak, full = ((training_frames(build(f"--augment {strength}")).float() - plain).abs().mean(dim=(1, 2, 3, 4))
                        for strength in (0, 0.1, 1))
    assert (none == 0).all() and (weak > 0).all() and weak.mean() < full.mean()


@pytest.mark.parametrize("share, fewest, most", [(0, 0, 0), (0.5, 5, 15), (1, 20, 20)])
def test_random_erasing(build, share, fewest, most):
    """Of twenty streams; nothing but the patch is changed, and it is all of one grey."""
    flags = "--augment 0 --missing-box full"
    plain, erased = training_frames(build(flags)), training_frames(build(f"{flags} --random-erasing {share}"))
    changed = plain != erased
    assert (erased[changed] == 127).all()
    assert fewest <= changed.any(dim=(1, 2, 3, 4)).sum() <= most


def test_loaders_and_labels(configure, root, caplog):
    (root / "face.json").write_text(json.dumps({"nothing/like/it": [0, 0, 9, 9]}))
    boxes = "--bounding-box-face face.json --bounding-box-body face.json"
    config = configure(f"--root-dir {root} --use-weighted-sampler {boxes}")
    with caplog.at_level(logging.WARNING, "camxuc"):
        loaders, labels = clip_loaders(config, root, None)
    assert caplog.text.count("only 0 of 12 clips have a box") == 2
    sizes = {split: loader.size for split, loader in loaders.items()}
    assert labels == Labels(CAER) and sizes == {"train": 10, "val": 2}
    train, val = loaders["train"], loaders["val"]
    assert train.order.shuffle and train.order.weights is not None and train.unit == "draws"
    assert not val.order.shuffle and val.order.weights is None and val.unit == "clips"
    assert (type(train.dataset), type(val.dataset)) == (AugmentedDataset, VideoDataset)
    assert [name for batch in val.epoch(0) for name in batch.ids] == val.dataset.ids == [STILL, FILM]


def test_for_evaluation_the_training_split_is_read_as_it_is(build):
    train = build("--use-weighted-sampler", Labels(CAER))["train"]
    assert not train.order.shuffle and train.order.weights is None and type(train.dataset) is VideoDataset
    assert [name for batch in train.epoch(0) for name in batch.ids] == train.dataset.ids


def test_classes_that_the_network_does_not_decide_among(configure, root):
    with pytest.raises(UserError, match=f"{root}: was trained on Calm, Cross; the data have Anger, Disgust, "):
        clip_loaders(configure(f"--root-dir {root}"), root, Labels(["Calm", "Cross"]))


def test_no_more_workers_than_processors(build, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    loader = build("--num-workers 10000 --batch-size 1")["val"]
    before = set(multiprocessing.active_children())
    assert sum(len(batch) for batch in loader.epoch(0)) == 2
    assert len(set(multiprocessing.active_children()) - before) == 1


# Few labels


def test_label_fraction(build, configure, root, caplog):
    """0.5 of ten clips of seven classes is one of each."""
    with caplog.at_level(logging.INFO, "camxuc"):
        loaders = build("--label-fraction 0.5 --use-weighted-sampler")
    assert "--label-fraction 0.5: 7 of 10 training clips: Anger 1, Disgust 1, Fear 1," in caplog.text
    train = loaders["train"]
    assert [clip.label for clip in train.dataset.clips] == list(range(7))
    assert train.size == 7 and train.order.weights.tolist() == [1] * 7
    batches = build("--label-fraction 0.5")["train"].epoch(0)
    assert sorted(label for batch in batches for label in batch.targets.tolist()) == list(range(7))
    drawn = {build(f"--label-fraction 0.5 --seed {seed}")["train"].dataset.ids[0] for seed in range(20)}
    assert drawn == {f"train/Anger/{i}.png" for i in range(4)}


def test_all_labels_are_used_unless_it_is_said(build, caplog):
    with caplog.at_level(logging.INFO, "camxuc"):
        assert build()["train"].size == 10
    assert "--label-fraction" not in caplog.text


def test_evaluation_of_a_recogniser_of_few_labels_reads_all_clips(build):
    assert {split: loader.size for split, loader in build("--label-fraction 0.5", Labels(CAER)).items()} == {
        "train": 10, "val": 2}


def test_few_labels_are_drawn_after_clips_were_held_out(tmp_path, configure):
    for name in CAER:
        for i in range(10):
            write_image(tmp_path / "train" / name / f"{i}.png", np.zeros((8, 8, 3), np.uint8))
    every, few = (clip_loaders(configure(f"--root-dir {tmp_path} --val-fraction 0.2 {flags}"), tmp_path, None)[0]
                  for flags in ("", "--label-fraction 0.25"))
    assert few["val"].dataset.ids == every["val"].dataset.ids and few["val"].size == 14
    assert few["train"].size == 14 and set(few["train"].dataset.ids) <= set(every["train"].dataset.ids)


# SimCLR


@pytest.fixture
def pretrain(root, tmp_path):
    """The loaders with flags."""
    recipe = tmp_path / "pretrain.yaml"
    recipe.write_text(f"model: simclr\nroot_dir: {root}\nimage_size: 32\nnum_segments: 2\nbatch_size: 4\n"
                      "num_workers: 0\nmissing_box: full\n")
    return lambda flags="", labels=None: simclr_loaders(load_config(str(recipe), flags.split()), root, labels)


def pairs(loader: Loader, epoch: int = 0) -> dict[str, int]:
    """The target of every clip of an epoch."""
    return {clip: target for batch in loader.epoch(epoch) for clip, target in zip(batch.ids, batch.targets.tolist())}


def test_training_targets_are_numbers_and_no_classes(pretrain, root):
    loaders, labels = pretrain()
    train = loaders["train"]
    assert labels == Labels(CAER) and type(train.dataset) is PairDataset and train.unit == "clips"
    order = [f"train/{name}/{i}.png" for name in sorted(CAER) for i in range(4 if name == CAER[0] else 1)]
    assert pairs(train) == pairs(train, 1) == dict(zip(order, range(10)))
    assert [clip.label for clip in train.dataset.clips] == list(range(10))  # the data set does not know the classes
    assert list(pairs(train)) != list(pairs(train, 1)) and train.order.shuffle and train.order.weights is None
    batch = next(train.epoch(0))
    assert batch.face.shape == batch.context.shape == (4, 2, 2, 3, 32, 32) and batch.targets.dtype == torch.int64


def test_exchanged_classes_make_no_difference_to_training(pretrain, root, tmp_path):
    """The clips' lists with every label moved on by one."""
    clips = [f"train/{name}/{i}.png 1" for name in CAER for i in range(4 if name == CAER[0] else 1)]
    labels = [CAER.index(clip.split("/")[1]) for clip in clips]
    for name, by in (("as_is.txt", 0), ("moved.txt", 1)):
        (tmp_path / name).write_text("\n".join(f"{c} {(label + by) % 7}" for c, label in zip(clips, labels)))
    flags = [f"--train-annotation {tmp_path}/{name} --val-annotation {tmp_path}/{name}"
             for name in ("as_is.txt", "moved.txt")]
    (one, _), (other, _) = map(pretrain, flags)
    for mine, theirs in zip(one["train"].epoch(3), other["train"].epoch(3), strict=True):
        assert mine.ids == theirs.ids and torch.equal(mine.targets, theirs.targets)
        assert torch.equal(mine.face, theirs.face) and torch.equal(mine.context, theirs.context)
    assert pairs(one["val"]) != pairs(other["val"])  # these do have labels


def test_validation_of_pretraining_is_a_recognisers(pretrain, build):
    loaders, _ = pretrain("--load-size 40 --window 0.2")
    [mine], [theirs] = loaders["val"].epoch(0), build("--missing-box full --batch-size 4")["val"].epoch(0)
    assert mine.targets.tolist() == theirs.targets.tolist() == [0, 0] and mine.ids == theirs.ids
    assert torch.equal(mine.face, theirs.face) and torch.equal(mine.context, theirs.context)
    assert next(loaders["train"].epoch(0)).face.shape[-2:] == (40, 40)


@pytest.mark.parametrize("flags", ["", "--load-size 48", "--unlabelled {root}/validation"])
def test_with_labels_all_splits_of_pretraining_come_as_they_are(pretrain, build, root, flags):
    loaders, _ = pretrain(flags.format(root=root), Labels(CAER))
    mine, theirs = loaders["train"], build("--batch-size 4 --missing-box full", Labels(CAER))["train"]
    assert type(mine.dataset) is VideoDataset and not mine.order.shuffle and mine.size == 10
    for one, other in zip(mine.epoch(0), theirs.epoch(0), strict=True):
        assert one.ids == other.ids and torch.equal(one.targets, other.targets) and torch.equal(one.face, other.face)


def test_pretraining_for_other_classes_is_refused(pretrain):
    with pytest.raises(UserError, match="was trained on Calm; the data have Anger"):
        pretrain(labels=Labels(["Calm"]))


def test_few_labels_are_no_matter_of_pretraining(pretrain):
    assert pretrain("--label-fraction 0.1")[0]["train"].size == 10
    assert pretrain("--label-fraction 0.1", Labels(CAER))[0]["train"].size == 10


def test_unlabelled(pretrain, tmp_path, caplog):
    """Videos and images mixed; a folder of images is as many clips, and no clip of many frames."""
    folder = tmp_path / "unlabelled"
    write_video(folder / "Anger" / "film.avi", 40)
    for name in ("frames/1.png", "frames/2.png", "Anger.png"):
        write_image(folder / name, np.full((40, 40, 3), 9, np.uint8))
    with caplog.at_level(logging.INFO, "camxuc"):
        loaders, labels = pretrain(f"--unlabelled {folder}")
    assert f"--unlabelled {folder}: 4 videos and images" in caplog.text and labels == Labels(CAER)
    assert pairs(loaders["train"]) == {"Anger/film.avi": 0, "Anger.png": 1, "frames/1.png": 2, "frames/2.png": 3}
    [batch] = loaders["train"].epoch(0)
    assert batch.face.shape == (4, 2, 2, 3, 32, 32) and batch.bad == []
    first, second = (numbers_of(window.permute(0, 2, 3, 1).numpy()) for window in
                     batch.face[batch.ids.index("Anger/film.avi")])
    assert first != second
    assert (batch.face[batch.ids.index("frames/2.png")] == 9).all()
    assert pairs(loaders["val"]) == {STILL: 0, FILM: 0}


def test_unlabelled_that_hold_nothing(pretrain, tmp_path):
    for folder, words in ((tmp_path / "absent", "absent: No such file"), (tmp_path, "holds no video or image")):
        with pytest.raises(UserError, match=f"--unlabelled .*{words}"):
            pretrain(f"--unlabelled {folder}")


def test_with_unlabelled_clips_the_data_set_must_still_be_whole(pretrain, root, tmp_path):
    (tmp_path / "one.txt").write_text("train/Anger/0.png 1 0\ntrain/Sad/0.png 1 6")
    flags = f"--train-annotation {tmp_path}/one.txt --val-annotation {tmp_path}/one.txt --unlabelled {root}"
    with pytest.raises(UserError, match="some class has no clip"):
        pretrain(flags)


def test_boxes_are_looked_for_among_the_unlabelled_clips(pretrain, root, tmp_path, caplog):
    (tmp_path / "face.json").write_text(json.dumps({FILM: [0, 0, 9, 9], STILL: [0, 0, 9, 9]}))
    write_image(tmp_path / "x" / "1.png", np.zeros((9, 9, 3), np.uint8))
    pretrain(f"--bounding-box-face {tmp_path}/face.json --unlabelled {tmp_path}/x")
    assert "clips have a box" not in caplog.text  # two of three
    pretrain(f"--bounding-box-face {tmp_path}/face.json")
    assert "only 2 of 12 clips have a box" in caplog.text


def test_pinned_memory_workers_and_time_out_of_pretraining(pretrain, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for cuda in (False, True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        for loader in pretrain("--num-workers 3 --reader-timeout 7")[0].values():
            torchs = loader._batches.loader
            assert (torchs.pin_memory, torchs.num_workers, loader.timeout) == (cuda, 2, 7)
