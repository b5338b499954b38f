from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from tests.utils.health.parts import close, names, parts, reborn, video
from utils.config import TextConfig, TextLossConfig
from utils.health.answers import Answers
from utils.prediction import Predictions

TRUTH = [0] * 6 + [1] * 6 + [2] * 6


def predicted(said: list[int], truth: list[int] = TRUTH) -> Predictions:
    return Predictions([str(place) for place in range(len(truth))], torch.tensor(truth),
                       F.one_hot(torch.tensor(said), 3).float())


def epochs(answers: list[list[int]], truth: list[int] = TRUTH, accuracy: float = 0.4,
           **settings) -> list[tuple[int, str]]:
    watch, found = Answers(parts(video(warmup_epochs=0, **settings))), []
    for epoch, said in enumerate(answers, 1):
        watch.evaluated("val", predicted(said, truth))
        watch = reborn(watch)
        found += [(epoch, finding.name) for finding in close(watch, epoch, {"accuracy": accuracy})]
    return found


def test_one_class_is_a_note_at_first_and_then_a_warning_after_five_epochs_and_after_ten():
    watch, found = Answers(parts(video(warmup_epochs=0))), []
    for epoch in range(1, 12):
        watch.evaluated("val", predicted([1] * 18))
        found += [(epoch, finding.level, finding.name) for finding in close(watch, epoch, {"accuracy": 0.4})]
    assert found == [(1, "note", "one-class-only"), (5, "warning", "one-class-only"),
                     (10, "warning", "one-class-only")]
    assert epochs([[1] * 18] * 4 + [TRUTH] + [[1] * 18] * 4) == [(1, "one-class-only"), (6, "one-class-only")]
    assert epochs([[1] * 18] * 9, truth=[1] * 18) == []  # there is no other


def test_epochs_of_warm_up_do_not_count():
    watch = Answers(parts(video(warmup_epochs=3)))
    for epoch in range(1, 9):
        watch.evaluated("val", predicted([1] * 18))
        assert names(close(watch, epoch, {"accuracy": 0.4})) == (["one-class-only"] if epoch in (4, 8) else [])


def test_a_class_never_found():
    said = [0] * 6 + [1] * 6 + [0] * 6
    assert epochs([said] * 6) == [(5, "class-never-found")]
    assert epochs([said] * 4 + [TRUTH] + [said] * 4) == []
    few = [0] * 7 + [1] * 7 + [2] * 4
    assert epochs([[0] * 7 + [1] * 7 + [0] * 4] * 6, few) == []  # four samples say little


@pytest.mark.parametrize(("said", "number", "found"), [
    ([1] * 18, 5, [("warning", "one-class-only")]), ([1] * 18, 4, [("note", "one-class-only")]),
    ([0] * 6 + [1] * 12, 20, [("warning", "class-never-found")]), ([0] * 6 + [1] * 11 + [2], 20, [])])
def test_what_the_kept_weights_say(said, number, found):
    findings = list(Answers(parts(video(epochs=number))).concluded({"val": predicted(said)}, Path()))
    assert [(finding.level, finding.name) for finding in findings] == found
    assert list(Answers(parts(video())).concluded({}, Path())) == []


@pytest.mark.parametrize("accuracy, found", [(0.72, []), (0.75, ["nothing-carries-over"])])
def test_training_accuracy_and_validation_at_chance(accuracy, found):
    """A third is right: the gap is over 0.4 from 0.733 on."""
    watch, row = Answers(parts(video(warmup_epochs=0))), {"accuracy": accuracy}
    watch.evaluated("val", predicted([0, 1, 2] * 6))
    assert names(close(watch, row=row)) == found
    assert row["health_gap"] == pytest.approx(accuracy - 1 / 3)


@pytest.mark.parametrize("unmentioned, gap", [("ignore", True), ("neutral", False)])
def test_cells_that_are_filled_in_are_not_compared(unmentioned, gap):
    config, row = TextConfig(loss=TextLossConfig(unmentioned=unmentioned)), {"accuracy": 0.9}
    watch, truth = Answers(parts(config)), torch.tensor([[0, -1], [1, -2]] * 20)
    watch.evaluated("val", Predictions([""] * 40, truth, F.one_hot(torch.zeros(40, 2, dtype=torch.int64), 3).float()))
    assert watch.seen["truth"].tolist() == [20, 20, 0] and watch.seen["hits"].tolist() == [20, 0, 0]
    assert names(close(watch, row=row)) == ["one-class-only"] and ("health_gap" in row) == gap


def test_other_splits_and_no_steps():
    watch = Answers(parts(video(warmup_epochs=0)))
    watch.evaluated("test", predicted([1] * 18))
    watch.evaluated("val", Predictions(["a"], torch.tensor([0]), None))
    assert watch.seen == {}
    watch.evaluated("val", predicted(TRUTH))
    assert close(watch, row={}) == []
