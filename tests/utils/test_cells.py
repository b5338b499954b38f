import pytest
import torch

from utils.cells import IGNORE, sentiment_cells, unmentioned_class
from utils.errors import UserError
from utils.losses.numerics import IGNORE as IGNORED_BY_THE_LOSSES
from utils.structures import NO_POLARITY, NOT_MENTIONED

TARGETS = torch.tensor([[0, NOT_MENTIONED, 2], [NO_POLARITY, 1, NOT_MENTIONED]])


@pytest.mark.parametrize("unmentioned, classes, number", [
    ("ignore", ["Negative", "Neutral"], IGNORE),
    ("class", ["Negative", "Positive", "not mentioned"], 2),
    ("neutral", ["Negative", "Neutral", "Positive"], 1),
    ("neutral", ["Tiêu cực", "Tích cực", "Trung tính"], 2),
    ("neutral", ["NEUTRAL", "x"], 0),
])
def test_the_class_of_what_is_not_mentioned(unmentioned, classes, number):
    assert unmentioned_class(unmentioned, classes) == number


def test_no_neutral_sentiment():
    with pytest.raises(UserError, match="--unmentioned neutral: no sentiment is called Neutral, among Bad, Good"):
        unmentioned_class("neutral", ["Bad", "Good"])


@pytest.mark.parametrize("unmentioned, cells", [
    (IGNORE, [[0, -1, 2], [-1, 1, -1]]), (1, [[0, 1, 2], [-1, 1, 1]]), (3, [[0, 3, 2], [-1, 1, 3]])])
def test_cells(unmentioned, cells):
    """What is mentioned without a polarity is never a class."""
    before = TARGETS.clone()
    assert sentiment_cells(TARGETS, unmentioned).tolist() == cells
    assert torch.equal(TARGETS, before)


def test_the_losses_ignore_what_the_cells_say():
    assert IGNORE == IGNORED_BY_THE_LOSSES
