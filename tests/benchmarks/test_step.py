"""What the benchmarks compare does the same, or the ratio would say nothing."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchmarks.plain.losses import over_aspects
from benchmarks.plain.step import PlainRecogniser, PlainStep
from models.clip import load_clip
from models.recogniser import VideoRecogniser
from utils.config import VideoModelConfig
from utils.losses import FocalLoss
from utils.structures import Batch

TEXTS = [["angry", "so angry"], ["very happy", "glad"]]


@pytest.fixture
def recogniser(micro) -> VideoRecogniser:
    torch.manual_seed(0)
    settings = VideoModelConfig(contexts_number=2, temporal_heads=4, dropout=0.0, temperature=0.1)
    return VideoRecogniser(load_clip(micro, "none", 32), TEXTS, settings, keys="video", momentum=0.9).train()


@pytest.fixture
def batch() -> Batch:
    face, context = torch.randint(0, 256, (2, 3, 2, 3, 32, 32), dtype=torch.uint8)
    return Batch(torch.tensor([0, 1, 1]), ["a", "b", "c"], face, context)


def test_the_long_way_comes_to_the_same_output(recogniser, batch):
    plain = PlainRecogniser(recogniser, TEXTS, 0.9)
    ours, theirs = recogniser(batch), plain(batch)
    for name in ("logits", "embedding", "text_features", "handcrafted", "key"):
        assert torch.allclose(getattr(ours, name), getattr(theirs, name), atol=1e-5), name


def test_the_plain_step_learns_and_its_key_side_follows(recogniser, batch):
    plain = PlainRecogniser(recogniser, TEXTS, 0.75)
    step = PlainStep(plain, lambda output, batch, _: type("Report", (), {
        "total": F.cross_entropy(output.logits, batch.targets)}), [
        {"params": [p for p in plain.parameters() if p.requires_grad], "lr": 0.01}])
    before, after = plain.key_side.temporal.query.clone(), None
    first = step(batch, 0.0)
    after = plain.key_side.temporal.query
    assert torch.allclose(after, 0.75 * before + 0.25 * plain.video.temporal.query.detach(), atol=1e-6)
    assert [step(batch, 0.0) for _ in range(5)][-1] < first


def test_a_loop_over_aspects_by_hand():
    """Cross entropy of each aspect's two reviews, and the mean of both aspects."""
    logits = torch.tensor(np.log([[[0.5, 0.5], [0.25, 0.75]], [[0.125, 0.875], [0.5, 0.5]]]))  # (B, A, S)
    targets = torch.tensor([[0, 1], [0, 0]])
    expected = (np.log(2) + np.log(8)) / 4 + (-np.log(0.75) + np.log(2)) / 4
    assert float(over_aspects(FocalLoss(gamma=0.0), logits, targets)) == pytest.approx(expected)
