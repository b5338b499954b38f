"""Scores of a split, and the baselines that they must be read against."""

import torch
from torch import Tensor


def score(probabilities: Tensor, targets: Tensor, classes: list[str]) -> dict:
    """WAR, UAR, macro F1, recall, precision and F1 per class, confusion matrix, baselines.

    Args:
        probabilities: (N, C).
        targets: (N,).
    UAR and macro F1 are means over the classes that occur in `targets`: a class without a clip has no
    recall. WAR, weighted average recall, is the accuracy.
    """
    matrix = confusion(probabilities.argmax(dim=-1), targets, len(classes))
    return _from_matrix(matrix.double(), classes) | {"baselines": baselines(targets, classes)}


def confusion(predicted: Tensor, targets: Tensor, classes: int) -> Tensor:
    """Counts (C, C), a row for each true class, of what was said (N,) of targets (N,)."""
    return torch.bincount(targets * classes + predicted, minlength=classes**2).view(classes, classes)


def _from_matrix(matrix: Tensor, classes: list[str]) -> dict:
    hits, support, predicted = matrix.diagonal(), matrix.sum(dim=1), matrix.sum(dim=0)
    present = support > 0
    recall = hits / support.clamp(min=1)
    f1 = 2 * hits / (support + predicted).clamp(min=1)
    return {
        "clips": int(support.sum()),
        "war": float(hits.sum() / support.sum()),
        "uar": float(recall[present].mean()),
        "macro_f1": float(f1[present].mean()),
        "per_class": {
            name: {"recall": float(recall[i]) if present[i] else None,
                   "precision": float(hits[i] / predicted[i]) if predicted[i] else None,
                   "f1": float(f1[i]) if present[i] else None,
                   "support": int(support[i])}
            for i, name in enumerate(classes)
        },
        "confusion_matrix": matrix.long().tolist(),
    }


def baselines(targets: Tensor, classes: list[str]) -> dict:
    """What no look at a clip would score on this split.

    `majority` always says the most frequent class; `prior` draws from the split's class frequencies, and
    its scores are expectations: accuracy sum p^2, and recall p for each class.
    """
    share = torch.bincount(targets, minlength=len(classes)).double() / len(targets)  # (C,)
    present = share > 0
    largest = share.max()
    recalls = share[present]
    return {
        "majority": {"class": classes[int(share.argmax())], "war": float(largest), "uar": float(1 / present.sum()),
                     "macro_f1": float(2 * largest / (1 + largest) / present.sum())},
        "prior": {"war": float(share.square().sum()), "uar": float(recalls.mean()), "macro_f1": float(recalls.mean())},
    }
