import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from utils.config import TextConfig
from utils.config.text import TextLossConfig, TextModelConfig
from utils.errors import UserError
from utils.prediction import Predictions
from utils.structures import NO_POLARITY, NOT_MENTIONED, Batch, Labels, Output
from utils.tasks import Reviews, build_task
from utils.tasks.review_metrics import HEADLINE

SENTIMENTS = ["Negative", "Neutral", "Positive"]
ASPECTS = ["BATTERY", "PRICE", "OTHERS"]
MODES = ("ignore", "neutral", "class")


def task_of(unmentioned="ignore", threshold=0.5, aspects=ASPECTS, unrated=("OTHERS",)) -> Reviews:
    config = TextConfig(loss=TextLossConfig(unmentioned=unmentioned),
                        model=TextModelConfig(mention_threshold=threshold))
    classes = SENTIMENTS + ["none"] * (unmentioned == "class")
    return build_task(config, Labels(classes, list(aspects), list(unrated)))


def predictions_of(targets, probabilities, mention=None) -> Predictions:
    """Of probabilities (N, A, S), and (N, A) of being mentioned."""
    targets = torch.tensor(targets)
    return Predictions([f"r{i}" for i in range(len(targets))], targets, torch.tensor(probabilities).double().log(),
                       None if mention is None else torch.tensor(mention).double().logit())


def drawn(mode: str, shape: tuple[int, int], seed: int) -> Predictions:
    stream = torch.Generator().manual_seed(seed)
    targets = torch.randint(NO_POLARITY, 3, shape, generator=stream)
    logits = 2 * torch.randn(*shape, 4 if mode == "class" else 3, generator=stream)
    mention = 2 * torch.randn(shape, generator=stream) if mode == "ignore" else None
    return Predictions([f"r{i}" for i in range(shape[0])], targets, logits, mention)


SURE = [0.1, 0.1, 0.8]


def test_the_mention_head_and_its_threshold_say_which_aspects_are_mentioned():
    predictions = predictions_of([[2, 2, -2]], [[SURE, SURE, SURE]], [[0.55, 0.65, 0.55]])
    assert task_of().cells(predictions).tolist() == [[2, 2, NO_POLARITY]]
    assert task_of(threshold=0.6).cells(predictions).tolist() == [[NOT_MENTIONED, 2, NOT_MENTIONED]]
    predictions.mention[0, 0] = 0.0  # a probability of exactly one half
    assert task_of().cells(predictions)[0, 0] == 2


def test_neutral_is_not_mentioned_where_it_stands_for_that():
    predictions = predictions_of([[2, 0, -1]], [[SURE, [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]]])
    task = task_of("neutral", unrated=())
    assert task.cells(predictions).tolist() == [[2, NOT_MENTIONED, 0]]
    assert task.mention_probabilities(predictions).flatten().tolist() == pytest.approx([0.9, 0.3, 0.7])
    assert task.sentiments == SENTIMENTS


def test_the_last_class_is_not_mentioned():
    predictions = predictions_of([[2, 0, -2]], [[[0.1, 0.1, 0.2, 0.6], [0.3, 0.25, 0.05, 0.4], [0.4, 0.1, 0.2, 0.3]]])
    task = task_of("class")
    assert task.sentiments == SENTIMENTS
    assert task.cells(predictions).tolist() == [[NOT_MENTIONED, NOT_MENTIONED, NO_POLARITY]]
    assert task.mention_probabilities(predictions).flatten().tolist() == pytest.approx([0.4, 0.6, 0.7])
    scores = task.score(predictions)
    assert list(scores["per_sentiment"]) == SENTIMENTS
    assert scores["polarity_accuracy"] == 1.0  # given the aspect, the class is no choice
    assert scores["pair_micro_f1"] == 0.0


def test_neutral_mode_needs_a_neutral():
    with pytest.raises(UserError, match="no sentiment is called Neutral, among bad, good"):
        Reviews(TextConfig(loss=TextLossConfig(unmentioned="neutral")), Labels(["bad", "good"], ASPECTS))


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(MODES), st.integers(1, 8), st.integers(0, 2**31))
def test_scores_of_any_predictions_are_finite_json(mode, reviews, seed):
    scores = task_of(mode).score(drawn(mode, (reviews, 3), seed))
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert all(0 <= scores[key] <= 1 for key in HEADLINE)
    assert set(Reviews.columns) <= scores.keys() and Reviews.best_by in scores


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("target", [NO_POLARITY, NOT_MENTIONED])
def test_a_review_without_any_polarity(mode, target):
    predictions = replace(drawn(mode, (1, 3), 0), targets=torch.full((1, 3), target))
    scores = task_of(mode).score(predictions)
    json.dumps(scores, allow_nan=False)
    assert scores["polarity_accuracy"] == scores["pair_macro_f1"] == 0.0


@pytest.mark.parametrize(("mode", "taught"), [
    ("ignore", [[2, None, None]]), ("neutral", [[2, 1, None]]), ("class", [[2, 3, None]]),
])
def test_accuracy_and_cross_entropy_are_over_the_cells_taught(mode, taught):
    """A mention without polarity is never taught; an aspect not mentioned is where a class stands for it."""
    predictions = replace(drawn(mode, (1, 3), 3), targets=torch.tensor([[2, NOT_MENTIONED, NO_POLARITY]]))
    known = [(row, label) for row, label in zip(predictions.logits[0], taught[0]) if label is not None]
    losses = [-float(row.log_softmax(-1)[label]) for row, label in known]
    hits = [int(row.argmax()) == label for row, label in known]
    task = task_of(mode)
    assert task.score(predictions)["cross_entropy"] == pytest.approx(sum(losses) / len(losses))
    output, batch = Output(logits=predictions.logits), Batch(predictions.targets, predictions.ids)
    assert float(task.accuracy(output, batch)) == pytest.approx(sum(hits) / len(hits))


def test_filled_accuracy_stands_beside_that_of_always_neutral():
    """Six cells: one has no polarity; of five, four count as Neutral, and three are said right."""
    neutral = [0.2, 0.7, 0.1]
    targets = [[2, -1, -2], [-1, -1, 1]]
    predictions = predictions_of(targets, [[neutral, neutral, SURE], [neutral, SURE, neutral]])
    scores = task_of("neutral").score(predictions)
    assert (scores["filled_accuracy"], scores["always_neutral_accuracy"]) == pytest.approx((3 / 5, 4 / 5))
    assert "not mentioned as Neutral: accuracy 0.600; always saying Neutral gets 0.800" in task_of(
        "neutral").describe("test", scores)
    for mode in ("ignore", "class"):
        assert "filled_accuracy" not in task_of(mode).score(drawn(mode, (2, 3), 0))


def test_an_unrated_aspect_is_mentioned_without_polarity():
    predictions = predictions_of([[-1, -1, -2]], [[SURE] * 3], [[0.1, 0.1, 0.9]])
    scores = task_of().score(predictions)
    assert scores["aspect_micro_f1"] == 1.0
    assert scores["per_aspect"]["OTHERS"]["pair_f1"] is scores["per_aspect"]["OTHERS"]["polarity_accuracy"] is None
    assert task_of().mistakes(predictions) == []
    said = task_of(unrated=()).score(predictions)
    assert said["aspect_micro_f1"] == 1.0 and said["polarity_accuracy"] == 0.0


def test_the_line_read_first():
    predictions = predictions_of([[2, -1, -2], [0, -1, -1]], [[SURE] * 3] * 2, [[0.9, 0.1, 0.9]] * 2)
    lines = task_of().describe("test", task_of().score(predictions)).splitlines()
    assert lines == [
        "test: aspect F1 0.857/0.833, aspect+polarity F1 0.500/0.333 (micro/macro), polarity accuracy 0.500, "
        "macro-F1 0.333  (2 reviews)",
        "test, always majority: aspect F1 0.857/0.833, aspect+polarity F1 0.500/0.333 (micro/macro), polarity accuracy "
        "0.500, macro-F1 0.333",
        "test, always neutral: aspect F1 0.857/0.833, aspect+polarity F1 0.000/0.000 (micro/macro), polarity accuracy "
        "0.000, macro-F1 0.000",
    ]


def test_mistakes_worst_first_with_the_probability_of_what_is_said():
    """Said wrongly, missed, made up; OTHERS said wrongly; all else is right."""
    targets = [[0, 2, -1], [-1, 2, -2]]
    mention = [[0.9, 0.03, 0.99], [0.8, 0.9, 0.3]]
    predictions = predictions_of(targets, [[SURE] * 3] * 2, mention)
    found = task_of().mistakes(predictions)
    assert [(review, aspect) for review, aspect, _ in found] == [(0, 2), (0, 1), (0, 0), (1, 2), (1, 0)]
    assert [p for *_, p in found] == pytest.approx([0.99, 0.97, 0.9 * 0.8, 0.7, 0.8 * 0.8])
    assert task_of().worth_showing(predictions) == {"r0", "r1"}


def test_mistakes_are_sure_of_the_class_where_no_head_says_what_is_mentioned():
    said = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.6, 0.3]]
    found = task_of("neutral", unrated=()).mistakes(predictions_of([[2, 1, 0]], [said]))
    assert found == [(0, 0, pytest.approx(0.7)), (0, 2, pytest.approx(0.6))]  # Neutral said of Neutral is none
    said = [[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.2, 0.6], [0.1, 0.05, 0.05, 0.8]]
    found = task_of("class", unrated=()).mistakes(predictions_of([[2, 1, -1]], [said]))
    assert found == [(0, 0, pytest.approx(0.7)), (0, 1, pytest.approx(0.6))]


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(MODES), st.integers(1, 30), st.integers(0, 2**31))
def test_at_most_twenty_mistakes_sorted_and_each_one_wrong(mode, reviews, seed):
    task, predictions = task_of(mode), drawn(mode, (reviews, 3), seed)
    rows, said = list(task.rows(predictions)), task.mistakes(predictions)
    sure = [p for *_, p in said]
    assert sure == sorted(sure, reverse=True) and all(0 <= p <= 1 for p in sure)
    for review, aspect, _ in said:
        row = rows[3 * review + aspect]
        assert row["true"] != row["predicted"]
    neutral = "Neutral" if mode == "neutral" else None
    wrong = [row for row in rows if row["true"] != row["predicted"]
             and not (row["true"] == "mentioned" and row["predicted"])
             and not (row["true"] == neutral and not row["predicted"])]
    assert len(said) == min(20, len(wrong))


@pytest.mark.parametrize("mode", MODES)
def test_rows_of_predictions_csv(mode):
    predictions = drawn(mode, (4, 3), 5)
    task = task_of(mode)
    rows = list(task.rows(predictions))
    assert [(row["review"], row["aspect"]) for row in rows] == [(f"r{i}", name) for i in range(4) for name in ASPECTS]
    names = {NOT_MENTIONED: "", NO_POLARITY: "mentioned"} | dict(enumerate(SENTIMENTS))
    assert [row["true"] for row in rows] == [names[cell] for cell in predictions.targets.flatten().tolist()]
    assert [row["predicted"] for row in rows] == [names[cell] for cell in task.cells(predictions).flatten().tolist()]
    of = F.softmax(predictions.logits[..., :3], dim=-1).flatten(0, 1)
    for row, expected in zip(rows, of.tolist()):
        assert [float(row[f"p_{name}"]) for name in SENTIMENTS] == pytest.approx(expected, abs=1e-6)
    mentioned = (predictions.mention.sigmoid() if mode == "ignore" else
                 1 - predictions.probabilities[..., 1 if mode == "neutral" else 3])
    assert [float(row["p_mentioned"]) for row in rows] == pytest.approx(mentioned.flatten().tolist(), abs=1e-6)


def test_a_batch_is_left_as_it_is():
    batch = Batch(torch.zeros(1, 3, dtype=torch.int64), ["r"])
    assert task_of().prepare(batch, None) is batch


def test_token_dropout_hides_its_share_and_never_the_first():
    config = TextConfig()
    config = replace(config, train=replace(config.train, token_dropout=0.3))
    mask = torch.ones(400, 26, dtype=torch.int64)
    mask[:, 21:] = 0
    batch = Batch(torch.zeros(400, 3, dtype=torch.int64), [str(i) for i in range(400)], tokens=mask + 3, mask=mask)
    prepared = build_task(config, Labels(["A", "B"], ["x", "y", "z"])).prepare(batch, np.random.default_rng(0))
    assert (prepared.mask[:, 0] == 1).all() and (prepared.mask[:, 21:] == 0).all()
    assert 1 - prepared.mask[:, 1:21].float().mean() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(prepared.tokens, batch.tokens) and (batch.mask[:, :21] == 1).all()
