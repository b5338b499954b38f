import numpy as np
import pytest
import torch
from torch.nn import functional as F

from utils.config import VideoConfig, VideoLossConfig
from utils.mixup import mixup
from utils.prediction import Predictions
from utils.structures import Batch, Labels, Output
from utils.tasks.clip_metrics import score
from utils.tasks.clips import Clips

CLASSES = ["calm", "not, so"]
PREDICTIONS = Predictions(["a b.avi", "c"], torch.tensor([0, 1]), torch.tensor([[0.0, 2.0], [-1.0, 1.0]]))


def clips(classes: list[str] = CLASSES, alpha: float = 0.2) -> Clips:
    return Clips(VideoConfig(loss=VideoLossConfig(mixup_alpha=alpha)), Labels(classes))


def batch(targets: list[int], **others) -> Batch:
    face = torch.arange(len(targets), dtype=torch.uint8).view(-1, 1, 1, 1, 1)
    return Batch(torch.tensor(targets), list(map(str, targets)), face, **others)


@pytest.mark.parametrize("alpha", [0, 0.4])
def test_preparing_is_mixup_with_the_recipes_alpha(alpha):
    found, expected = (make(np.random.default_rng(3)) for make in (
        lambda stream: clips(alpha=alpha).prepare(batch([0, 1, 0]), stream),
        lambda stream: mixup(batch([0, 1, 0]), alpha, stream)))
    assert torch.equal(found.face, expected.face) and found.lam == expected.lam
    assert (found.other_targets is None) == (alpha == 0)


def test_accuracy_under_mixup_is_blended():
    """Classes 0, 1, 2, 1 are said: three hits of the clips' own labels, one of the partners'."""
    said = Output(logits=F.one_hot(torch.tensor([0, 1, 2, 1]), 4).float())
    assert float(clips().accuracy(said, batch([0, 1, 2, 3]))) == 0.75
    mixed = batch([0, 1, 2, 3], other_targets=torch.tensor([1, 1, 3, 0]), lam=0.75)
    assert float(clips().accuracy(said, mixed)) == pytest.approx(0.75 * 3 / 4 + 0.25 * 1 / 4)


def test_scores_are_those_of_the_classes_and_the_cross_entropy():
    scores = clips().score(PREDICTIONS)
    assert scores.pop("cross_entropy") == pytest.approx((2.126928 + 0.126928) / 2)
    assert scores == score(PREDICTIONS.probabilities, PREDICTIONS.targets, CLASSES)
    assert (scores["war"], scores["uar"], scores["clips"]) == (0.5, 0.5, 2)


def test_what_is_shown_of_an_epoch_is_scored():
    assert clips().best_by == "uar" and {*clips().columns, clips().best_by} <= set(clips().score(PREDICTIONS))
    assert clips().columns == ("cross_entropy", "war", "uar", "macro_f1")


def test_the_line_read_first_names_its_baselines():
    assert clips().describe("test", clips().score(PREDICTIONS)) == (
        "test: WAR 0.500  UAR 0.500  macro-F1 0.333  (2 clips; always calm: WAR 0.500, UAR 0.500; "
        "drawing from the priors: WAR 0.500, UAR 0.500)")


def test_the_surest_two_hits_and_errors_of_each_class_are_worth_showing():
    """Clips 0 to 6 are of class 0, with hits 0 to 3; 7 to 13 are of class 1, with the hit 7."""
    ids = [f"clip {place}" for place in range(14)]
    predicted = [0, 0, 0, 0, 1, 2, 1, 1, 0, 0, 3, 0, 2, 4]
    logits = [1, 4, 2, 3, 5, 6, 4, 0.5, 1, 2, 9, 4, 5, 8]
    predictions = Predictions(
        ids, torch.tensor([0] * 7 + [1] * 7), torch.eye(7)[predicted] * torch.tensor(logits)[:, None])
    shown = clips(list("abcdefg")).worth_showing(predictions)
    assert shown == {ids[place] for place in (1, 3, 4, 5, 7, 10, 13)}


def test_a_row_a_clip():
    assert list(clips().rows(PREDICTIONS)) == [
        {"clip": "a b.avi", "true": "calm", "predicted": "not, so", "p_calm": "0.119203", "p_not, so": "0.880797"},
        {"clip": "c", "true": "not, so", "predicted": "not, so", "p_calm": "0.119203", "p_not, so": "0.880797"}]
