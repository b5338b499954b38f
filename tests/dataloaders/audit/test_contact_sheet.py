import shutil

import numpy as np
import pytest
import torch

from dataloaders import build_loaders
from dataloaders.audit.contact_sheet import CLASSES, _evenly, contact_sheet
from dataloaders.order import Draw
from dataloaders.video import VideoDataset
from tests import small_simclr
from utils.structures import Labels


@pytest.fixture
def sheets(configure, tmp_path):
    def make(flags: str = "", **options):
        config = configure(flags)
        loaders, labels = build_loaders(config, tmp_path)
        return {sheet.split: sheet for sheet in contact_sheet(config, loaders, labels, **options)}, loaders
    return make


def test_every_split_has_its_sizes_classes_and_clips(sheets):
    found, _ = sheets()
    assert {split: (sheet.size, sheet.unit) for split, sheet in found.items()} == {
        "train": (14, "clips"), "val": (7, "clips"), "test": (7, "clips")}
    assert found["train"].counts["class"] == dict.fromkeys(found["train"].groups, 2)
    assert [shown.id for shown in found["train"].groups["Happy"]] == [
        "CAER/train/Happy/0000.png", "CAER/train/Happy/0001.png"]
    assert found["train"].how == "Augmented as in the first epoch; mixup, which blends two of them, comes after."
    assert found["test"].how == "As they are."


def test_the_frames_are_those_that_training_and_evaluation_load(sheets):
    found, loaders = sheets()
    for split, index in (("train", 13), ("test", 6)):
        sample = loaders[split].dataset[Draw(0, index, 0)]
        shown = found[split].groups["Surprise"][-1]
        assert shown.id == sample.id and shown.notes == ["face: centre crop", "context: whole frame"]
        assert list(shown.strips) == ["face", "context"]
        assert torch.equal(shown.strips["face"], sample.face) and torch.equal(shown.strips["context"], sample.context)
    clip = loaders["train"].dataset
    plain = VideoDataset(clip.clips, clip.config, clip.seed)[Draw(0, 13, 0)]
    assert not torch.equal(found["train"].groups["Surprise"][-1].strips["face"], plain.face)  # it is augmented


def test_of_many_frames_and_clips_some_are_kept(sheets):
    found, loaders = sheets("--num-segments 8 --streams face", per_class=1)
    [shown] = found["train"].groups["Fear"]
    sample = loaders["train"].dataset[Draw(0, 4, 0)]
    assert shown.id == sample.id and list(shown.strips) == ["face"]
    assert torch.equal(shown.strips["face"], sample.face[[0, 4, 7]])
    assert found["train"].counts["class"]["Fear"] == 2


def test_a_clip_that_cannot_be_read_says_why(configure, caer, tmp_path):
    root = shutil.copytree(caer, tmp_path / "data")
    (root / "CAER/test/Fear/0000.png").write_bytes(b"")
    config = configure(f"--root-dir {root} --use-weighted-sampler --mixup-alpha 0")
    loaders, labels = build_loaders(config, tmp_path)
    train, _, test = contact_sheet(config, loaders, labels)
    [shown] = test.groups["Fear"]
    assert shown.bad and not shown.strips
    assert train.how == "Augmented as in the first epoch, and drawn with chances by class."


def test_clips_are_bounded(sheets, monkeypatch):
    monkeypatch.setattr("dataloaders.audit.contact_sheet.CLIPS", 13)  # for seven classes of two
    assert {len(group) for group in sheets()[0]["train"].groups.values()} == {1}


def test_classes_are_bounded(sheets, configure, tmp_path):
    _, loaders = sheets()
    labels = Labels([f"c{i:02}" for i in range(30)])
    [sheet] = contact_sheet(configure(), {"test": loaders["test"]}, labels, per_class=9)
    assert len(sheet.groups) == CLASSES and sheet.hidden == 18 and len(sheet.counts["class"]) == 30
    assert {"c00", "c29"} <= sheet.groups.keys() and sheet.groups["c29"] == []


def test_views_come_in_pairs(simclr_recipe, tmp_path):
    config = small_simclr.configure(simclr_recipe)
    loaders, labels = build_loaders(config, tmp_path)
    train, val, _ = contact_sheet(config, loaders, labels)
    assert train.counts == {} and list(train.groups) == ["pairs of views"] and train.size == 14
    shown = train.groups["pairs of views"][0]
    assert list(shown.strips) == ["face, view 1", "context, view 1", "face, view 2", "context, view 2"]
    assert {strip.shape for strip in shown.strips.values()} == {(2, 3, 32, 32)}
    one, two = shown.strips["face, view 1"], shown.strips["face, view 2"]
    assert one.dtype == torch.uint8 and not torch.equal(one, two)
    assert list(val.groups)[:2] == ["Anger", "Disgust"] and val.how == "As they are."


def test_looking_changes_no_draw(sheets):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    sheets()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("size, count", [(0, 3), (1, 3), (3, 3), (10, 3), (10, 1)])
def test_evenly(size, count):
    chosen = _evenly(list(range(size)), count)
    assert len(chosen) == min(size, count) and chosen == sorted(set(chosen))
    assert size < 2 or count < 2 or (chosen[0], chosen[-1]) == (0, size - 1)
    assert np.ptp(np.diff(chosen)) <= 1 if len(chosen) > 1 else True
