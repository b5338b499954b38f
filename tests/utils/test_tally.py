from collections import Counter

import pytest
import torch

from utils.errors import UserError
from utils.structures import Batch
from utils.tally import Tally


def batch(clips: int, bad: tuple = (), **notes: int) -> Batch:
    return Batch(torch.zeros(clips, dtype=torch.int64), ["x"] * clips, notes=Counter(notes), bad=list(bad))


def test_shares_are_of_the_clips_seen():
    tally = Tally("train", 10, 0)
    tally.add(batch(3, box=3))
    tally.add(batch(5, box=1, crop=4))
    assert tally.shares() == {"box": 0.5, "crop": 0.5}
    assert str(tally) == "train: 8 clips (box 50.0%, crop 50.0%), 0 left out"


def test_what_is_rare_is_not_said_to_be_no_part_at_all():
    tally = Tally("train", 4000, 0)
    tally.add(batch(3001, crop=3, box=4))
    assert str(tally) == "train: 3001 clips (box 0.1%, crop 3 of 3001), 0 left out"


def test_draws_are_not_called_clips():
    tally = Tally("train", 10, 0, "draws")
    tally.add(batch(2, box=1))
    assert str(tally) == "train: 2 draws (box 50.0%), 0 left out"


def test_nothing_seen_is_no_division_by_nought():
    assert Tally("val", 0, 0).shares() == {}


def test_bad_clips_are_named_once_and_counted_once(caplog):
    tally = Tally("train", 10, 0.5)
    for _ in range(3):
        tally.add(batch(1, [("a.avi", "empty"), ("b.avi", "no such file")]))
    assert tally.bad == {"a.avi": "empty", "b.avi": "no such file"}
    assert [record.getMessage() for record in caplog.records] == [
        "train: left out a.avi: empty", "train: left out b.avi: no such file"]


def test_the_allowed_share_may_be_reached_but_not_passed():
    tally = Tally("val", 10, 0.2)
    tally.add(batch(1, [("a", "x"), ("b", "y")]))
    with pytest.raises(UserError, match=r"val: 3 of 10 samples cannot be read, over --max-bad-clips 0.2; e.g. a: x"):
        tally.add(batch(0, [("c", "z")]))


def test_state_goes_on_in_another_tally():
    first, second = Tally("train", 10, 0.1), Tally("train", 10, 0.1)
    first.add(batch(3, [("a", "x")], box=2))
    second.load_state_dict(first.state_dict())
    second.add(batch(1, box=1))
    assert (second.seen, second.notes, second.bad) == (4, Counter(box=3), {"a": "x"})
    with pytest.raises(UserError):
        second.add(batch(1, [("b", "y")]))
