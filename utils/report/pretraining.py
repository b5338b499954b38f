"""The page of SimCLR: what few labels make of the features, and clips with what their neighbours say of them."""

from statistics import mean, stdev

from torch import Tensor

from utils.prediction import Predictions
from utils.report import clips
from utils.tasks.pretraining import Pretraining

TEMPLATE = "pretraining.html.j2"
HEADLINE = {"uar": "kNN UAR", "war": "kNN WAR", "macro_f1": "kNN macro-F1"}
APART = ("feature_spread", "effective_rank", "probes")
WORDS = clips.WORDS
caution = clips.caution


def score_panels(task: Pretraining) -> dict[str, dict[str, str]]:
    return {
        "scores, %": {"contrastive accuracy": "accuracy", "validation kNN WAR": "val_war",
                      "validation kNN UAR": "val_uar"},
        "views": {"alignment (0: views agree)": "alignment", "uniformity (-4: spread evenly)": "uniformity"},
        "feature spread": {"validation (0: collapsed, 1: even)": "val_feature_spread"},
        "effective rank": {"validation": "val_effective_rank"},
    }


def context(task: Pretraining, predictions: Predictions, frames: dict[str, Tensor]) -> dict:
    return clips.context(task, predictions, frames) | {"spread": spread}


def spread(values: list[float]) -> str:
    """Mean in %, and the sample standard deviation where there are two values or more."""
    return f"{100 * mean(values):.1f}" + (f" ± {100 * stdev(values):.1f}" if len(values) > 1 else "")
