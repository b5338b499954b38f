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

from dataloaders.clip_loaders import clip_loaders
from dataloaders.datasets import CAER
from dataloaders.loader import Loader
from dataloaders.order import Draw
from tests.dataloaders.footage import numbers_of, write_image, write_video
from utils.errors import UserError
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
    assert "only 0 of 12 clips have a box" in caplog.text and "--bounding-box-body is not used" in caplog.text
    sizes = {split: loader.size for split, loader in loaders.items()}
    assert labels == Labels(CAER) and sizes == {"train": 10, "val": 2}
    train, val = loaders["train"], loaders["val"]
    assert train.order.shuffle and train.order.weights is not None and train.dataset.training and train.unit == "draws"
    assert not val.order.shuffle and val.order.weights is None and not val.dataset.training and val.unit == "clips"
    assert [name for batch in val.epoch(0) for name in batch.ids] == val.dataset.ids == [STILL, FILM]


def test_for_evaluation_the_training_split_is_read_as_it_is(build):
    train = build("--use-weighted-sampler", Labels(CAER))["train"]
    assert not train.order.shuffle and train.order.weights is None and not train.dataset.training
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
