"""Predictions and scores, looked at again: what is sound says nothing, what is out of step is named."""

from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.utils.health.parts import close, names, parts, reborn
from utils.config import TextConfig, TextLossConfig, TextModelConfig, VideoConfig
from utils.health import evaluation as module
from utils.health.evaluation import InStep, Scores
from utils.prediction import Predictions, predict
from utils.structures import Batch, Labels, Output
from utils.tally import Tally
from utils.tasks.clips import Clips
from utils.tasks.reviews import Reviews


class Scaled(nn.Module):
    def __init__(self, by: float):
        super().__init__()
        self.by, self.dropout = nn.Parameter(torch.tensor(by)), nn.Dropout(0.5)

    def forward(self, batch: Batch) -> Output:
        return Output(logits=self.dropout(self.by * batch.face))


@dataclass
class Draw:
    index: int


class Rows:
    """A loader of rows of three numbers, in an order of its own."""

    def __init__(self, rows: Tensor):
        self.rows, self.dataset, self.order = rows, self, self
        self.ids, self.targets = [f"{place}" for place in range(len(rows))], torch.arange(len(rows)) % 3

    def __getitem__(self, draw: Draw) -> Batch:
        return Batch(self.targets[[draw.index]], [self.ids[draw.index]], face=self.rows[[draw.index]])

    def collate(self, samples: list[Batch]) -> Batch:
        return samples[0]

    def batches(self, epoch: int) -> list[list[Draw]]:
        return [[Draw(index) for index in range(start, len(self.rows), 2)] for start in (1, 0)]

    def epoch(self) -> list[Batch]:
        return [Batch(torch.cat([self[draw].targets for draw in batch]), [self.ids[draw.index] for draw in batch],
                      face=torch.cat([self[draw].face for draw in batch])) for batch in self.batches(0)]


@pytest.fixture
def rows() -> Rows:
    return Rows(torch.randn(7, 3, generator=torch.Generator().manual_seed(3)))


def passed(network: nn.Module, rows: Rows) -> Predictions:
    return predict(network, rows.epoch(), torch.device("cpu"), Tally("val", 7, 0))


def watch(rows: Rows, averaged: nn.Module | None = None) -> InStep:
    return InStep(parts(model=Scaled(1.0), averaged=averaged, loaders={"val": rows}))


def of(looking: InStep, predictions: Predictions) -> list[str]:
    looking.evaluated("val", predictions)
    return names(close(reborn(looking)))


def test_what_the_evaluated_weights_say_is_in_step_and_modes_stay(rows):
    average = Scaled(2.0).eval()
    assert of(watch(rows), passed(Scaled(1.0), rows)) == []
    looking = watch(rows, average)
    assert of(looking, passed(average, rows)) == []
    assert looking.watched.model.training and not average.training and not average.dropout.training


def test_what_another_network_or_another_sample_says_is_out_of_step(rows):
    right = passed(Scaled(1.0), rows)
    for wrong in (passed(Scaled(1.2), rows), replace(right, logits=right.logits.flip(0)),
                  replace(right, logits=right.logits.roll(1, 0)), replace(right, ids=right.ids[::-1])):
        assert of(watch(rows), wrong) == ["predictions-out-of-step"]
    assert of(watch(rows, Scaled(2.0)), right) == ["predictions-out-of-step"]


def test_the_embedding_is_looked_at_where_there_are_no_logits(rows):
    class Embeds(Scaled):
        def forward(self, batch: Batch) -> Output:
            return Output(embedding=super().forward(batch).logits)

    looking = InStep(parts(model=Embeds(1.0), loaders={"val": rows}))
    right = passed(Embeds(1.0), rows)
    assert of(looking, right) == [] and of(looking, replace(right, embedding=right.embedding.flip(0))) != []


@pytest.mark.parametrize("error", [KeyError("gone"), MemoryError(), OSError("stale")])
def test_an_error_in_one_process_ends_the_watch_in_all(rows, monkeypatch, error):
    """They would wait for it, now or at the next evaluation."""
    told, passes, seen = [], passed(Scaled(9.0), rows), watch(rows)
    monkeypatch.setattr(module, "exchanged", lambda value: told.append(value) or [value])
    with monkeypatch.context() as broken:
        broken.setattr(type(rows), "collate", lambda self, samples: exec("raise error", {"error": error}))
        with pytest.raises(RuntimeError, match=f"^a sample cannot be read again: {type(error).__name__}: "):
            seen.evaluated("val", passes)
    monkeypatch.setattr(module, "exchanged", lambda value: [value, told[0]])  # this process could read it
    with pytest.raises(RuntimeError, match=f"^a sample cannot be read again: {type(error).__name__}: "):
        seen.evaluated("val", passes)


def test_a_sample_that_is_bad_in_one_process_goes_through_no_network(rows, monkeypatch):
    monkeypatch.setattr(module, "exchanged", lambda value: [value, [False] * len(value)])
    assert of(watch(rows), passed(Scaled(9.0), rows)) == []


def test_samples_listed_twice_and_too_few_say_nothing(rows):
    right = passed(Scaled(9.0), rows)
    assert of(watch(rows), replace(right, ids=["0", *right.ids[1:-1], "0"])) == []
    few = Predictions(right.ids[:2], right.targets[:2], right.logits[:2])
    assert of(watch(rows), few) == []


@st.composite
def clips(draw) -> Predictions:
    count, seed = draw(st.integers(1, 12)), draw(st.integers(0, 2**31))
    stream = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, draw(st.integers(1, 3)), (count,), generator=stream)
    return Predictions([str(place) for place in range(count)], targets, 9 * torch.randn(count, 3, generator=stream))


def found_in(scores: dict, predictions: Predictions, config, labels: Labels) -> list:
    looking = Scores(replace(parts(config), labels=labels))
    looking.evaluated("test", replace(predictions, logits=predictions.logits.neg()))
    looking.evaluated("val", predictions)
    return close(reborn(looking), row={f"val_{name}": value for name, value in scores.items()})


@given(predictions=clips())
def test_the_scores_of_clips_are_worked_out_again(predictions):
    config, labels = VideoConfig(), Labels(["x", "y", "z"])
    task = Clips(config, labels)
    scores = {name: task.score(predictions)[name] for name in task.columns}
    assert found_in(scores, predictions, config, labels) == []
    for name in scores:
        assert names(found_in(scores | {name: scores[name] + 0.01 + 0.01 * abs(scores[name])}, predictions, config,
                              labels)) == ["other-scores"]


@st.composite
def reviews(draw) -> tuple:
    stream = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    unmentioned = draw(st.sampled_from(["ignore", "class", "neutral"]))
    count, classes = draw(st.integers(1, 6)), 3 + (unmentioned == "class")
    truth = torch.randint(-2, 3, (count, 3), generator=stream)
    mention = torch.randn(count, 3, generator=stream) if unmentioned == "ignore" else None
    names = ["positive", "negative", "neutral", "not mentioned"][:classes]
    config = TextConfig(loss=TextLossConfig(unmentioned=unmentioned),
                        model=TextModelConfig(mention_threshold=draw(st.sampled_from([0.3, 0.5]))))
    return config, Labels(names, ["a", "b", "c"], draw(st.sampled_from([[], ["b"]]))), Predictions(
        [str(place) for place in range(count)], truth, torch.randn(count, 3, classes, generator=stream), mention)


@given(made=reviews())
def test_the_scores_of_reviews_are_worked_out_again(made):
    config, labels, predictions = made
    task = Reviews(config, labels)
    scores = {name: task.score(predictions)[name] for name in task.columns}
    assert found_in(scores, predictions, config, labels) == []
    if config.loss.unmentioned != "neutral":
        for name in ("aspect_micro_f1", "pair_micro_f1", "polarity_accuracy"):
            wrong = scores | {name: scores[name] + 0.01}
            assert names(found_in(wrong, predictions, config, labels)) == ["other-scores"]
