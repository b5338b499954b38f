from collections import Counter

import pytest
import torch

from tests.utils.health.parts import clips, close, names, parts, reborn, step, video
from utils.config import TextConfig, TextDataConfig, TextLossConfig, TextTrainConfig
from utils.health.idle import Idle
from utils.structures import Batch

QUIET = dict(use_ldl=False, lambda_mi=0.0, lambda_dc=0.0, use_moco=False, mixup_alpha=0.0)


def watch(**settings) -> Idle:
    return Idle(parts(video(**QUIET | settings)))


def flags(findings: list) -> list[str]:
    return [finding.text.split(" is configured")[0] for finding in findings]


@pytest.mark.parametrize("value, found", [(0.0, ["cls (--label-smoothing)"]), (0.3, [])])
def test_a_term_that_is_always_0_is_idle(value, found):
    idle = watch()
    for _ in range(3):
        idle.forward(step(parts={"cls": value}, epoch=0.1))
    assert flags(close(idle)) == found


def test_a_term_that_is_not_weighed_is_idle():
    idle = watch(lambda_mi=1.0, mi_warmup=2)
    for _ in range(4):
        idle.forward(step(parts={"cls": 1.0}, epoch=2.5))
    assert flags(close(idle)) == ["mi (--lambda-mi)"]


def test_before_its_window_and_after_it_a_term_may_rest():
    idle = watch(lambda_mi=1.0, mi_warmup=2, use_ldl=True, ldl_warmup=1)
    for epoch in (0.5, 0.6, 0.7):
        idle.forward(step(parts={"cls": 1.0}, epoch=epoch))
    for epoch in (1.2, 1.5, 1.7, 2.0):
        idle.forward(step(parts={"ldl": 1.0}, epoch=epoch))
    assert close(idle) == []
    assert not any("open mi" in name for name in idle.seen)


def test_short_epochs_are_taken_together_and_one_that_acts_clears_all():
    idle = watch()
    for epoch, value in enumerate([0, 0, 0.1, 0, 0, 0]):
        idle = reborn(idle)
        idle.forward(step(parts={"cls": value}, epoch=epoch + 0.5))
        assert names(close(idle, epoch)) == (["configured-but-idle"] if epoch == 5 else [])


def test_a_batch_of_one_says_nothing():
    idle = watch(lambda_dc=1.0)
    for _ in range(9):
        idle.forward(step(clips([0]), parts={"dc": 0.0, "cls": 1.0}, epoch=8))
    assert close(idle) == []


def mixed(batch: Batch) -> Batch:
    return Batch(batch.targets, batch.ids, batch.face.float(), other_targets=batch.targets.flip(0), lam=1.0)


@pytest.mark.parametrize("change, found", [(lambda batch: batch, ["mixup (--mixup-alpha)"]), (mixed, [])])
def test_mixup_blends(change, found):
    """Also where chance gives a share of 1, as it does at a small alpha."""
    idle, batch = watch(mixup_alpha=0.01), clips([0, 1], face=torch.zeros(2, 1, 3, 2, 2, dtype=torch.uint8))
    for _ in range(3):
        idle.forward(step(change(batch), loaded=batch, parts={"cls": 1.0}, epoch=0.5))
    assert flags(close(idle)) == found


@pytest.mark.parametrize("boxed, steps, found", [(0, 60, True), (0, 59, False), (1, 80, False)])
def test_boxes_are_used_in_some_of_300_clips(boxed, steps, found):
    idle = watch(bounding_box_face="face.json", batch_size=5)
    for number in range(steps + 3):
        notes = Counter({"face: face box": boxed if number == 9 else 0})
        idle.forward(step(clips([0, 1], notes=notes), parts={"cls": 1.0}, epoch=0.5))
    assert flags(close(idle)) == (["face boxes (--bounding-box-face)"] if found else [])


def reviews(**mask) -> Batch:
    return Batch(torch.tensor([[0], [1]]), ["a", "b"], mask=torch.tensor([[1, 1, 1], [1, 1, 0]]))


@pytest.mark.parametrize("steps, hidden, found", [(52, 0, False), (53, 0, True), (53, 1, False)])
def test_token_dropout_may_spare_a_few_reviews(steps, hidden, found):
    """At a rate of 0.1, 20 tokens are due after 100 reviews of two tokens: 50 batches of four."""
    config = TextConfig(data=TextDataConfig(batch_size=4), train=TextTrainConfig(token_dropout=0.1))
    idle, loaded = Idle(parts(config)), reviews()
    for number in range(steps):
        batch = reviews()
        batch.mask[0, 2] -= int(number == 5 and hidden)
        idle.forward(step(batch, loaded=loaded, parts={"cls": 1.0, "con": 1.0, "mention": 1.0}, epoch=0.5))
    assert flags(close(idle)) == (["token dropout (--token-dropout)"] if found else [])


@pytest.mark.parametrize("steps, found", [(53, False), (54, True)])
def test_a_contrast_needs_two_reviews_that_agree(steps, found):
    config = TextConfig(data=TextDataConfig(batch_size=32), loss=TextLossConfig(contrastive_weight=0.1))
    idle = Idle(parts(config))
    for _ in range(steps - 1):
        idle.forward(step(reviews(), parts={"cls": 1.0, "con": 0.0, "mention": 1.0}, epoch=0.5))
    assert bool(close(idle)) == found
