import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_f1_score, multiclass_recall

from utils.tasks.clip_metrics import baselines, score

CLASSES = ["a", "b", "c", "d"]


def certain(predicted: list[int]) -> torch.Tensor:
    return torch.eye(len(CLASSES))[predicted] * 0.9 + 0.025


def test_a_worked_example():
    """a: 2 of 3 found; b: 1 of 2; c: 0 of 1, and nothing is called c; no clip is d, yet one is called d."""
    scores = score(certain([0, 0, 1, 1, 3, 0]), torch.tensor([0, 0, 0, 1, 1, 2]), CLASSES)
    assert scores["confusion_matrix"] == [[2, 1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert (scores["clips"], scores["war"]) == (6, 0.5)
    assert scores["uar"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    per_class = scores["per_class"]
    assert per_class["a"] == pytest.approx({"recall": 2 / 3, "precision": 2 / 3, "f1": 2 / 3, "support": 3})
    assert per_class["b"] == pytest.approx({"recall": 1 / 2, "precision": 1 / 2, "f1": 1 / 2, "support": 2})
    assert per_class["c"] == {"recall": 0, "precision": None, "f1": 0, "support": 1}
    assert per_class["d"] == {"recall": None, "precision": 0, "f1": None, "support": 0}


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(2, 8), st.integers(0, 2**31))
def test_agrees_with_torchmetrics_over_the_classes_that_occur(clips, number, seed):
    stream = torch.Generator().manual_seed(seed)
    probabilities = torch.rand(clips, number, generator=stream).softmax(-1)
    targets = torch.randint(number, (clips,), generator=stream)
    scores = score(probabilities, targets, list(map(str, range(number))))
    present = torch.bincount(targets, minlength=number) > 0
    predicted = probabilities.argmax(-1)
    recall = multiclass_recall(predicted, targets, number, average=None)
    f1 = multiclass_f1_score(predicted, targets, number, average=None)
    assert scores["uar"] == pytest.approx(float(recall[present].mean()), abs=1e-6)
    assert scores["macro_f1"] == pytest.approx(float(f1[present].mean()), abs=1e-6)
    assert scores["war"] == pytest.approx(float(multiclass_accuracy(predicted, targets, number, average="micro")))
    for index, values in enumerate(scores["per_class"].values()):
        assert values["recall"] == (pytest.approx(float(recall[index])) if present[index] else None)


def test_majority_baseline_is_the_score_of_always_saying_it():
    targets = torch.tensor([1, 1, 1, 0, 0, 3])
    said = score(certain([1] * 6), targets, CLASSES)
    majority = baselines(targets, CLASSES)["majority"]
    assert majority == {"class": "b", "war": 0.5, "uar": pytest.approx(1 / 3), "macro_f1": pytest.approx(2 / 9)}
    assert {name: said[name] for name in ("war", "uar", "macro_f1")} | {"class": "b"} == pytest.approx(majority)


def test_prior_baseline_is_the_mean_score_of_drawing():
    stream, shares = np.random.default_rng(0), [0.5, 0.3, 0.2]
    targets = torch.tensor(np.repeat([0, 1, 3], [500, 300, 200]))
    drawn = [score(certain(stream.choice([0, 1, 3], 1000, p=shares).tolist()), targets, CLASSES) for _ in range(40)]
    prior = baselines(targets, CLASSES)["prior"]
    assert prior["war"] == pytest.approx(0.25 + 0.09 + 0.04)
    assert prior["uar"] == prior["macro_f1"] == pytest.approx(1 / 3)
    for name in ("war", "uar", "macro_f1"):
        assert np.mean([scores[name] for scores in drawn]) == pytest.approx(prior[name], abs=0.01)
