"""Scores from predictions.csv against those of the tasks that wrote it."""

import numpy as np
import pytest
import torch

from tests.small_reviews import configure as configure_text
from utils.ablation.counts import CLIP_METRICS, METRICS, REVIEW_METRICS, read_counts, score
from utils.config import CONFIGS
from utils.errors import UserError
from utils.prediction import Predictions
from utils.results import write_json, write_predictions
from utils.structures import NO_POLARITY, NOT_MENTIONED, Labels
from utils.tasks import TASKS
from utils.tasks.clips import Clips
from utils.tasks.reviews import Reviews


def write_run(folder, task, **splits: Predictions) -> dict:
    metrics = {split: task.score(predictions) for split, predictions in splits.items()}
    write_json(metrics, folder / "metrics.json")
    write_predictions(splits, task, folder / "predictions.csv")
    return metrics


def clips(stream, count: int, classes: int) -> Predictions:
    targets = torch.from_numpy(stream.integers(0, classes - 1, count))  # the last has none
    return Predictions([f"{i}, a \"clip\".avi" for i in range(count)], targets,
                       torch.from_numpy(stream.normal(size=(count, classes))))


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_clips_are_the_tasks(tmp_path, configure, seed):
    stream = np.random.default_rng(seed)
    task = Clips(configure(), Labels(["Sad", "p_odd, name", "Ärger", "Rare"]))
    metrics = write_run(tmp_path, task, val=clips(stream, 9, 4), test=clips(stream, 23, 4))
    for split, count in (("val", 9), ("test", 23)):
        counts = read_counts(tmp_path, split, list(CLIP_METRICS))
        assert len(counts.ids) == count and counts.ids[1] == '1, a "clip".avi'
        for metric in CLIP_METRICS:
            assert counts.score(metric) == pytest.approx(metrics[split][metric], abs=1e-12)


def reviews(stream, count: int, classes: int, sentiments: int, mention: bool) -> Predictions:
    cells = stream.choice([NOT_MENTIONED, NO_POLARITY, *range(sentiments)], (count, 4))
    cells[:, 2] = np.where(cells[:, 2] >= 0, NO_POLARITY, cells[:, 2])  # OTHERS is only mentioned
    logits, of_mention = (torch.from_numpy(stream.normal(size=(count, 4, *more))) for more in ((classes,), ()))
    return Predictions([f"test/{i}" for i in range(count)], torch.from_numpy(cells), logits,
                       of_mention if mention else None)


@pytest.mark.parametrize("unmentioned", ["ignore", "neutral", "class"])
@pytest.mark.parametrize("seed", range(3))
def test_scores_of_reviews_are_the_tasks(tmp_path, unmentioned, seed):
    stream, classes = np.random.default_rng(seed), ["Negative", "Neutral", "Positive"]
    classes += ["none"] * (unmentioned == "class")
    task = Reviews(configure_text(tmp_path, f"--unmentioned {unmentioned}"),
                   Labels(classes, ["BATTERY", "CAMERA", "OTHERS", "PRICE"], ["OTHERS"]))
    metrics = write_run(tmp_path, task, val=reviews(stream, 2, len(classes), 3, unmentioned == "ignore"),
                        test=reviews(stream, 31, len(classes), 3, unmentioned == "ignore"))
    counts = read_counts(tmp_path, "test", list(REVIEW_METRICS))
    assert counts.ids == [f"test/{i}" for i in range(31)]
    for metric in REVIEW_METRICS:
        assert counts.score(metric) == pytest.approx(metrics["test"][metric], abs=1e-12), metric


def test_every_score_that_a_task_chooses_by_can_be_compared():
    assert METRICS.keys() == TASKS.keys() == CONFIGS.keys()
    assert all(task.best_by in METRICS[name] for name, task in TASKS.items())


def test_scores_of_many_sums_at_once():
    sums = np.random.default_rng(0).integers(0, 9, (5, 2, 3, 4)).astype(float)
    for mean in ("micro_f1", "macro_f1", "recall"):
        many = score(sums, mean)
        assert many.shape == (5, 2) and many[3, 1] == score(sums[3, 1], mean)


def test_where_there_is_nothing_to_score():
    assert [score(np.zeros((3, 4)), mean) for mean in ("micro_f1", "macro_f1", "recall")] == [0, 0, 0]


def test_a_run_without_the_split(tmp_path, configure):
    task = Clips(configure(), Labels(["Sad", "Happy"]))
    write_run(tmp_path, task, val=clips(np.random.default_rng(0), 5, 2))
    with pytest.raises(UserError, match="has no predictions of test; does its recipe have such a split?"):
        read_counts(tmp_path, "test", ["uar"])


def test_predictions_cut_off_are_noticed(tmp_path, configure):
    stream = np.random.default_rng(1)
    write_run(tmp_path, Clips(configure(), Labels(["Sad", "Happy", "Fear"])), test=clips(stream, 20, 3))
    lines = (tmp_path / "predictions.csv").read_text().splitlines()
    (tmp_path / "predictions.csv").write_text("\n".join(lines[:12]) + "\n")
    with pytest.raises(UserError, match=r"predictions.csv: gives test war 0\.\d+, metrics.json 0\.\d+; delete"):
        read_counts(tmp_path, "test", ["war"])
