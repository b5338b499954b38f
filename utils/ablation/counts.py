"""What a run's predictions.csv holds, as counts for each sample, from whose sums every score follows."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.errors import UserError
from utils.results import read_metrics
from utils.tasks.review_metrics import HEADLINE

CLIP_METRICS = {"uar": ("class", "recall"), "war": ("class", "micro_f1"), "macro_f1": ("class", "macro_f1")}
REVIEW_METRICS = {name: tuple(name.split("_", 1)) for name in HEADLINE}
REVIEW_METRICS["polarity_accuracy"] = ("polarity", "micro_f1")
METRICS = {"video": CLIP_METRICS, "simclr": CLIP_METRICS, "text": REVIEW_METRICS}  # what is counted, and its mean
BY_CLASS = ("uar", "macro_f1")  # means over classes, of which a resample must lose none
TOLERANCE = 1e-3  # predictions.csv has six digits, so that two sentiments may be equally likely there


@dataclass(frozen=True)
class Counts:
    """Of N samples of a split.

    `of[what]` is (N, 3, K): hits, times said and times true of each of K classes, aspects, aspect-sentiment pairs, or
    sentiments ("polarity", of aspects that truly have one).
    """

    ids: list[str]
    of: dict[str, np.ndarray]

    def score(self, metric: str) -> float:
        what, mean = (CLIP_METRICS | REVIEW_METRICS)[metric]
        return float(score(self.of[what].sum(0), mean))


def score(sums: np.ndarray, mean: str) -> np.ndarray:
    """Scores (...) of summed counts (..., 3, K), as the tasks define them.

    `micro_f1` is accuracy where one thing is said of each sample. `recall` and `macro_f1` are means over what occurs
    in the truth.
    """
    hits, said, true = np.moveaxis(sums, -2, 0)
    if mean == "micro_f1":
        return 2 * hits.sum(-1) / np.maximum(said.sum(-1) + true.sum(-1), 1)
    each = hits / np.maximum(true, 1) if mean == "recall" else 2 * hits / np.maximum(said + true, 1)
    present = true > 0
    return (each * present).sum(-1) / np.maximum(present.sum(-1), 1)


def read_counts(run_dir: Path, split: str, metrics: list[str]) -> Counts:
    """
    Raises:
        UserError: the run has not scored this split, or its predictions are not those of its metrics.
    """
    path = run_dir / "predictions.csv"
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        names = [name[2:] for name in reader.fieldnames or () if name.startswith("p_") and name != "p_mentioned"]
        rows = [row for row in reader if row["split"] == split]
    scores = read_metrics(run_dir / "metrics.json").get(split)
    if not rows or scores is None:
        raise UserError(f"{run_dir}: has no predictions of {split}; does its recipe have such a split?")
    counts = _clips(rows, names) if "clip" in rows[0] else _reviews(rows, names)
    for metric in metrics:
        if abs(counts.score(metric) - scores[metric]) > TOLERANCE:
            raise UserError(f"{path}: gives {split} {metric} {counts.score(metric):.4f}, metrics.json "
                            f"{scores[metric]:.4f}; delete the folder, and the run is made anew")
    return counts


def _clips(rows: list[dict], names: list[str]) -> Counts:
    number = {name: place for place, name in enumerate(names)}
    true, said = (np.array([number[row[of]] for row in rows]) for of in ("true", "predicted"))
    return Counts([row["clip"] for row in rows], {"class": _counts(*(np.eye(len(names))[of] for of in (said, true)))})


def _reviews(rows: list[dict], names: list[str]) -> Counts:
    """A review has a row for each aspect, one after the other."""
    aspects = list(dict.fromkeys(row["aspect"] for row in rows))
    shape = -1, len(aspects)
    true, said = (np.array([row[of] for row in rows]).reshape(shape) for of in ("true", "predicted"))  # (N, A)
    likely = np.array([[float(row[f"p_{name}"]) for name in names] for row in rows]).argmax(-1).reshape(shape)
    is_true, is_said = (of[..., None] == np.array(names) for of in (true, said))  # (N, A, S)
    is_likely = np.eye(len(names), dtype=bool)[likely] & is_true.any(-1, keepdims=True)
    pairs = _counts(is_said & (true != "mentioned")[..., None], is_true)  # (N, 3, A, S)
    return Counts([row["review"] for row in rows[:: len(aspects)]], {
        "aspect": _counts(said != "", true != ""),
        "pair": pairs.reshape(len(pairs), 3, -1),
        "polarity": _counts(is_likely, is_true).sum(2),
    })


def _counts(said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(N, ...) truth values to (N, 3, ...)."""
    said, true = said.astype(float), true.astype(float)
    return np.stack([said * true, said, true], axis=1)
