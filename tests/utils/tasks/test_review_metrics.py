import csv
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from utils.structures import NO_POLARITY, NOT_MENTIONED
from utils.tasks.review_metrics import HEADLINE, baselines, score_cells

SENTIMENTS = ["Negative", "Neutral", "Positive"]
DEV = Path(__file__).resolve().parents[4] / "shared" / "data" / "uit-visfd" / "Dev.csv"


@st.composite
def cells(draw) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What is said, polarity and truth (N, A), as a task gives them: a sentiment said is the polarity.

    Some aspects are never rated, and of the others some mentions are not.
    """
    shape = draw(st.integers(1, 25)), draw(st.integers(1, 5))
    stream = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    truth = torch.randint(NO_POLARITY, len(SENTIMENTS), shape, generator=stream)
    polarity = torch.randint(len(SENTIMENTS), shape, generator=stream)
    said = torch.where(torch.rand(shape, generator=stream) < 0.5, polarity, NOT_MENTIONED)
    unrated = torch.rand(shape[1], generator=stream) < 0.2
    said, truth = (torch.where((of >= 0) & unrated, NO_POLARITY, of) for of in (said, truth))
    return said, polarity, truth


def named(number: int) -> list[str]:
    return [f"aspect {i}" for i in range(number)]


def pair_indicators(of: torch.Tensor, truth: torch.Tensor) -> np.ndarray:
    """(N, A * S) for scikit-learn; a true mention without polarity is blanked out of both sides."""
    of = of.masked_fill(truth == NO_POLARITY, NOT_MENTIONED).numpy()
    return np.stack([of == number for number in range(len(SENTIMENTS))], axis=-1).reshape(len(of), -1)


def reference(said: torch.Tensor, polarity: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
    """The six scores by scikit-learn, averaged over the labels that occur."""
    found = (truth != NOT_MENTIONED).numpy(), (said != NOT_MENTIONED).numpy()
    pairs = pair_indicators(truth, truth), pair_indicators(said, truth)
    known = (truth >= 0).numpy()
    given = truth.numpy()[known], polarity.numpy()[known]
    scores = {}
    for name, (true, guess) in {"aspect": found, "pair": pairs}.items():
        occur = np.flatnonzero(true.any(0))
        scores[f"{name}_micro_f1"] = f1_score(true.ravel(), guess.ravel(), zero_division=0)
        scores[f"{name}_macro_f1"] = _macro(true, guess, occur)
    scores["polarity_accuracy"] = accuracy_score(*given) if known.any() else 0.0
    scores["polarity_macro_f1"] = _macro(*given, np.unique(given[0]))
    return scores


def _macro(true: np.ndarray, guess: np.ndarray, occur: np.ndarray) -> float:
    if not len(occur):
        return 0.0
    if true.ndim == 2:  # one column alone would not be taken for labels
        true, guess = (np.pad(indicators, ((0, 0), (0, 1))) for indicators in (true, guess))
    return f1_score(true, guess, labels=occur, average="macro", zero_division=0)


def six(scores: dict) -> dict[str, float]:
    return {key: scores[key] for key in HEADLINE}


@settings(deadline=None, max_examples=60)
@given(cells())
def test_the_six_scores_agree_with_scikit_learn(drawn):
    said, polarity, truth = drawn
    scores = score_cells(said, polarity, truth, named(truth.shape[1]), SENTIMENTS)
    assert six(scores) == pytest.approx(reference(said, polarity, truth))
    assert scores["reviews"] == len(truth)
    assert scores["mentions"] == int((truth.numpy() != NOT_MENTIONED).sum())


@settings(deadline=None, max_examples=30)
@given(cells())
def test_the_table_of_aspects_agrees_with_scikit_learn(drawn):
    said, polarity, truth = drawn
    table = score_cells(said, polarity, truth, named(truth.shape[1]), SENTIMENTS)["per_aspect"]
    assert list(table) == named(truth.shape[1])
    for a, of in enumerate(table.values()):
        mentioned, found = truth[:, a].numpy() != NOT_MENTIONED, said[:, a].numpy() != NOT_MENTIONED
        precision, recall, f1, _ = precision_recall_fscore_support(mentioned, found, average="binary", zero_division=0)
        assert of["support"] == mentioned.sum()
        assert of["precision"] == (pytest.approx(precision) if found.any() else None)
        assert of["recall"] == (pytest.approx(recall) if mentioned.any() else None)
        assert of["f1"] == (pytest.approx(f1) if mentioned.any() else None)
        column = slice(a, a + 1)
        only = reference(said[:, column], polarity[:, column], truth[:, column])
        rated = bool((truth[:, a] >= 0).any())
        assert of["pair_f1"] == (pytest.approx(only["pair_micro_f1"]) if rated else None)
        assert of["polarity_accuracy"] == (pytest.approx(only["polarity_accuracy"]) if rated else None)


@settings(deadline=None, max_examples=30)
@given(cells())
def test_the_tables_of_sentiments_and_pairs_agree_with_scikit_learn(drawn):
    said, polarity, truth = drawn
    scores = score_cells(said, polarity, truth, named(truth.shape[1]), SENTIMENTS)
    known = truth >= 0
    numbers = list(range(len(SENTIMENTS)))
    expected = (confusion_matrix(truth[known], polarity[known], labels=numbers) if known.any()
                else np.zeros((3, 3), int))
    assert scores["polarity_matrix"] == expected.tolist()
    for number, of in enumerate(scores["per_sentiment"].values()):
        true, guess = (truth[known] == number).numpy(), (polarity[known] == number).numpy()
        assert of["support"] == true.sum()
        if true.any() and guess.any():
            assert [of["precision"], of["recall"], of["f1"]] == pytest.approx(
                precision_recall_fscore_support(true, guess, average="binary", zero_division=0)[:3])
    true, guess = pair_indicators(truth, truth), pair_indicators(said, truth)
    assert np.array(scores["pair_support"]).ravel().tolist() == true.sum(0).tolist()
    for place, f1 in enumerate(value for row in scores["pair_f1"] for value in row):
        occurs = true[:, place].any()
        assert f1 == (pytest.approx(f1_score(true[:, place], guess[:, place], zero_division=0)) if occurs else None)


def test_a_worked_example():
    """Two reviews, aspects a, b, c. Found: a twice of twice, b never of once, c once where nobody mentions it.

    Pairs: (a, Positive) right, (a, Negative) said Positive; (b, Negative) missed; (c, Neutral) made up.
    """
    truth = torch.tensor([[2, -1, -1], [0, 0, -1]])
    said = torch.tensor([[2, -1, -1], [2, -1, 1]])
    polarity = torch.tensor([[2, 1, 1], [2, 0, 1]])
    scores = score_cells(said, polarity, truth, ["a", "b", "c"], SENTIMENTS)
    assert six(scores) == pytest.approx({
        "aspect_micro_f1": 2 * 2 / (3 + 3),
        "aspect_macro_f1": (1 + 0) / 2,
        "pair_micro_f1": 2 * 1 / (3 + 3),
        "pair_macro_f1": (2 / 3 + 0 + 0) / 3,
        "polarity_accuracy": 2 / 3,
        "polarity_macro_f1": (2 * 1 / (1 + 2) + 2 * 1 / (2 + 1)) / 2,
    })
    assert scores["per_aspect"]["c"] == {"precision": 0, "recall": None, "f1": None, "support": 0, "pair_f1": None,
                                         "polarity_accuracy": None}
    assert scores["per_aspect"]["a"]["pair_f1"] == pytest.approx(1 / 2)
    assert scores["per_sentiment"]["Neutral"] == {"precision": None, "recall": None, "f1": None, "support": 0}
    assert scores["polarity_matrix"] == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]
    assert scores["pair_f1"] == [[0, None, pytest.approx(2 / 3)], [0, None, None], [None, None, None]]
    assert scores["pair_support"] == [[1, 0, 1], [1, 0, 0], [0, 0, 0]]


def test_a_mention_without_polarity_is_found_but_no_pair():
    """Whatever is said of it: neither a hit nor a false alarm among the pairs."""
    truth = torch.tensor([[NO_POLARITY, 2]])
    for said in (0, 1, 2, NO_POLARITY):
        polarity = torch.tensor([[max(said, 0), 2]])
        scores = score_cells(torch.tensor([[said, 2]]), polarity, truth, ["a", "b"], SENTIMENTS)
        assert six(scores) == dict.fromkeys(HEADLINE, 1.0)
        assert scores["per_aspect"]["a"] == {"precision": 1, "recall": 1, "f1": 1, "support": 1, "pair_f1": None,
                                             "polarity_accuracy": None}


@pytest.mark.parametrize("truth", [[[-1, -1]], [[-2, -1]], [[-2, -2], [-1, -1]]])
def test_nothing_to_score_is_no_crash_and_valid_json(truth):
    truth = torch.tensor(truth)
    said = torch.full_like(truth, NOT_MENTIONED)
    scores = score_cells(said, torch.zeros_like(truth), truth, ["a", "b"], SENTIMENTS)
    scores["baselines"] = baselines(truth, SENTIMENTS)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert [scores[key] for key in HEADLINE] == [0.0] * 6
    assert scores["baselines"]["majority"]["pair_micro_f1"] == 0


def best_fixed_answer(truth: torch.Tensor, chosen: list[int]) -> dict[str, float]:
    """By trying, on scikit-learn's scores; `chosen` is the sentiment of each aspect, NO_POLARITY where it has none."""
    by_frequency = np.argsort(-(truth != NOT_MENTIONED).numpy().sum(0), kind="stable")
    polarity = torch.tensor(chosen).clamp(min=0).expand_as(truth)
    found = []
    for k in range(1, truth.shape[1] + 1):
        said = torch.full_like(truth, NOT_MENTIONED)
        for a in by_frequency[:k].tolist():
            said[:, a] = chosen[a]
        found.append(reference(said, polarity, truth))
    return {key: max(scores[key] for scores in found) for key in HEADLINE}


def majority_by_aspect(truth: torch.Tensor) -> list[int]:
    """The first of the most frequent."""
    counted = [Counter(value for value in column if value >= 0) for column in truth.T.tolist()]
    return [min(counts, key=lambda value: (-counts[value], value)) if counts else NO_POLARITY for counts in counted]


@settings(deadline=None, max_examples=40)
@given(cells())
def test_baselines_are_the_scores_of_the_best_fixed_answers(drawn):
    *_, truth = drawn
    majority = majority_by_aspect(truth)
    neutral = [NO_POLARITY if of == NO_POLARITY else 1 for of in majority]
    found = baselines(truth, SENTIMENTS)
    assert found["majority"] == pytest.approx(best_fixed_answer(truth, majority))
    assert found["neutral"] == pytest.approx(best_fixed_answer(truth, neutral))


def test_a_worked_baseline():
    """a: 3 of 4 reviews, mostly Positive; b: 1 of 4. Naming a alone is best for micro, both for macro."""
    truth = torch.tensor([[2, -1], [2, -1], [1, 0], [-1, -1]])
    found = baselines(truth, SENTIMENTS)
    assert found["majority"] == pytest.approx({
        "aspect_micro_f1": 2 * 3 / (4 + 4),
        "aspect_macro_f1": (6 / 7 + 2 / 5) / 2,
        "pair_micro_f1": 2 * 2 / (4 + 4),
        "pair_macro_f1": (2 * 2 / (4 + 2) + 0 + 2 * 1 / (4 + 1)) / 3,
        "polarity_accuracy": 3 / 4,
        "polarity_macro_f1": (1 + 0 + 4 / 5) / 3,
    })
    assert found["neutral"]["polarity_accuracy"] == 1 / 4
    assert found["neutral"]["pair_micro_f1"] == pytest.approx(2 * 1 / (4 + 4))


def test_always_neutral_only_where_there_is_such_a_sentiment():
    truth = torch.tensor([[0, 1]])
    assert list(baselines(truth, ["Negative", "Positive"])) == ["majority"]
    for name in ("neutral", "NEUTRAL", "Trung tính"):
        assert list(baselines(truth, ["x", name])) == ["majority", "neutral"]


@pytest.fixture(scope="module")
def dev() -> tuple[torch.Tensor, list[str]]:
    """UIT-ViSFD's Dev labels (N, A), read by an expression of our own."""
    if not DEV.exists():
        pytest.skip("needs shared/data/uit-visfd beside the project")
    with DEV.open(encoding="utf-8", newline="") as file:
        labels = [dict(re.findall(r"\{([^#}]+)#?(\w*)\}", row["label"])) for row in csv.DictReader(file)]
    aspects = sorted({name for of in labels for name in of})
    number = {"": NO_POLARITY} | {name: place for place, name in enumerate(SENTIMENTS)}
    cells = [[number[of[name]] if name in of else NOT_MENTIONED for name in aspects] for of in labels]
    return torch.tensor(cells), aspects


def test_counts_of_uit_visfd(dev):
    truth, aspects = dev
    scores = score_cells(truth, truth.clamp(min=0), truth, aspects, SENTIMENTS)
    counted = Counter(re.findall(r"\{([^}]+)\}", DEV.read_text(encoding="utf-8")))
    support = {f"{aspect}#{sentiment}": number for aspect, row in zip(aspects, scores["pair_support"])
               for sentiment, number in zip(SENTIMENTS, row) if number}
    assert support | {"OTHERS": scores["per_aspect"]["OTHERS"]["support"]} == counted
    assert (support["GENERAL#Positive"], counted["OTHERS"], scores["reviews"]) == (528, 251, 1112)
    assert scores["mentions"] == sum(counted.values()) == 3567
    assert [scores[key] for key in HEADLINE] == [1.0] * 6
    assert scores["per_aspect"]["OTHERS"]["pair_f1"] is None


def test_baselines_of_uit_visfd(dev):
    truth, _ = dev
    found = baselines(truth, SENTIMENTS)
    majority = majority_by_aspect(truth)
    assert found["majority"] == pytest.approx(best_fixed_answer(truth, majority))
    known = truth[truth >= 0]
    assert found["neutral"]["polarity_accuracy"] == pytest.approx(float((known == 1).double().mean()))
    assert found["neutral"]["polarity_macro_f1"] == pytest.approx(
        f1_score(known, torch.ones_like(known), average="macro", zero_division=0))
