"""Known answers of the data room: right code has them all, and a changed function is named."""

from importlib import import_module

import cv2
import numpy as np
import pytest
import torch

import dataloaders.known_answers as room
from dataloaders import (
    augment,
    crops,
    datasets,
    label_cells,
    lists,
    readers,
    reviews,
    sampling,
    subset,
    text_dataloader,
)
from dataloaders.boxes import Boxes
from dataloaders.known_answers import files, frames
from dataloaders.order import Draw, Order
from dataloaders.video import VideoDataset
from tests.faults.line import replace_line

clip_loaders = import_module("dataloaders.clip_loaders")  # the package has a function of that name


def test_all_are_right_and_nothing_is_drawn():
    state, numbers = torch.get_rng_state(), np.random.get_state()[1].tolist()
    assert room.known_answers() == []
    assert torch.equal(torch.get_rng_state(), state) and np.random.get_state()[1].tolist() == numbers


@pytest.mark.parametrize("target, name, value, wrong", [
    (crops, "square", lambda x, y, side: (x, y, x + side, y + side), "face_region"),
    (crops.cv2, "copyMakeBorder", lambda image, t, b, left, r, kind: np.pad(image, ((t, b), (left, r), (0, 0))),
     "cut over the right edge"),
    (crops, "resize", lambda image, width, height: image[:height, :width], "letterbox"),
    (frames, "tsn_indices", lambda frames, segments, duration, stream: list(range(segments * duration)), "tsn_indices"),
    (sampling, "tsn_indices", lambda frames, segments, duration, stream: list(range(segments)), "window_indices"),
    (Order, "_indices", lambda self, stream: self.visits[:-1], "Order, shuffled"),
    (Order, "_draw", lambda self, epoch, index, seen: Draw(epoch, index, 0), "Order with repeats"),
    (Boxes, "_boxes", lambda self, clip: next(iter(self.table.values())), "files"),
    (readers.cv2, "IMREAD_COLOR_RGB", cv2.IMREAD_COLOR, "files"),
    (readers, "_numeric", lambda name: [name], "files"),
    (lists, "label_base", lambda labels, classes: 0, "files"),
    (files, "label_base", lambda labels, classes: 0, "label_base"),
    (reviews, "NO_POLARITY", -1, "encode_labels"),
    (label_cells, "CODES", {"1": "negative", "2": "positive", "3": "neutral"}, "cell_sentiment"),
    (text_dataloader, "WIDTH", 16, "reviews of a batch"),
    (files, "frame_number", lambda name: 0, "frame_number"),
])
def test_a_changed_function_is_named(monkeypatch, target, name, value, wrong):
    monkeypatch.setattr(target, name, value)
    assert wrong in [finding.text.split(" gives ")[0] for finding in room.known_answers()]


@pytest.mark.parametrize("function, old, new", [
    (VideoDataset._stream, "AUGMENT, *draw, use", "AUGMENT, draw.epoch, use"),
    (VideoDataset._stream, "AUGMENT, *draw, use", "AUGMENT, 0, draw.index, draw.repeat, use"),
    (VideoDataset._stream, "AUGMENT, *draw, use", "AUGMENT, draw.epoch, draw.index, use"),
    (VideoDataset.sample, "self._stream(draw, CONTEXT)", "self._stream(draw, FACE)"),
    (VideoDataset._finish, "in frames]", "in map(draw_augmentation(stream, 1.0, 0).at(self.side), frames)]"),
])
def test_what_is_not_drawn_anew_is_named(monkeypatch, function, old, new):
    replace_line(function, old, new, monkeypatch)
    assert "what is drawn anew" in [finding.text.split(" gives ")[0] for finding in room.known_answers()]


HELD_OUT, LABELS, REVIEWS_OUT, STREAMS = "clips held out", "labels used", "reviews held out", "streams of a draw"
SMALLEST, LARGEST, MANY = (f"draw_augmentation, {which} draws" for which in ("smallest", "largest", "many"))


@pytest.mark.parametrize("function, old, new, wrong", [
    (text_dataloader.load_reviews, "[: round(len(train) * data.val_fraction)]",
     "[round(len(train) * data.val_fraction):]", REVIEWS_OUT),
    (text_dataloader.load_reviews, "generator(config.train.seed, SPLIT).permutation(len(train))",
     "np.arange(len(train))", REVIEWS_OUT),
    (text_dataloader.load_reviews, "config.train.seed", "0", REVIEWS_OUT),
    (text_dataloader.load_reviews, "if i not in held_out", "", REVIEWS_OUT),
    (datasets.stratified, "round(len(places) * fraction)", "round(len(places) * (1 - fraction))", HELD_OUT),
    (datasets.stratified, "seed, SPLIT", "0, SPLIT", HELD_OUT),
    (datasets.load_splits, "config.val_fraction, seed", "config.val_fraction, 0", HELD_OUT),
    (datasets.load_splits, "if i not in held_out", "", HELD_OUT),
    (subset.shuffled_by_class, "generator(seed, use, label).permutation(", "(", HELD_OUT),
    (clip_loaders._load, "config.train.seed", "0", HELD_OUT),
    (clip_loaders._labelled, "labelled_subset(clips, fraction, config.train.seed)", "clips", LABELS),
    (clip_loaders._labelled, "config.train.seed", "0", LABELS),
    (VideoDataset._stream, "generator(self.seed, ", "generator(0, ", STREAMS),
    (VideoDataset.pick, "self._stream(draw, SAMPLING)", "self._stream(draw, draw.index)", STREAMS),
    (VideoDataset.pick, "self._stream(draw, SAMPLING)", "self._stream(draw, FACE)", STREAMS),
    (VideoDataset.sample, "context = self._finish(", "context = VideoDataset._finish(self, ", STREAMS),
    (augment.draw_augmentation, "if stream.random() < erasing:", "if stream.random() < erasing * 0:", LARGEST),
    (augment.draw_augmentation, "if stream.random() < erasing:", "if stream.random() < erasing ** 2:", MANY),
    (augment.draw_augmentation, "spread(15),", "spread(0.15),", SMALLEST),
    (augment.draw_augmentation, "1 + spread(0.15),", "1 + abs(spread(0.15)),", SMALLEST),
    (augment.draw_augmentation, "1 + spread(0.15),", "1 - abs(spread(0.15)),", LARGEST),
    (augment.draw_augmentation, "(spread(0.08), spread(0.08))", "(spread(0.08),) * 2", MANY),
    (augment.draw_augmentation, "(spread(0.08), spread(0.08))", "(spread(0.08), 0.0)", LARGEST),
    (augment.draw_augmentation, "stream.random() < 0.5", "stream.random() < 0.05", MANY),
    (augment.draw_augmentation, "width) * strength", "width)", "draw_augmentation of half the strength"),
    (augment.draw_augmentation, "strength > 0 and", "", "draw_augmentation of no strength"),
    (augment.draw_augmentation, "0.02, 0.2", "0.02, 0.02", LARGEST),
])
def test_what_is_not_drawn_as_asked_is_named(monkeypatch, function, old, new, wrong):
    replace_line(function, old, new, monkeypatch)
    assert wrong in [finding.text.split(" gives ")[0] for finding in room.known_answers()]
