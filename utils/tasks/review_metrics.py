"""Scores of aspect sentiment, and the baselines that they must be read against.

A cell is one aspect of one review. Its truth, and what is predicted of it, is a class number, NOT_MENTIONED, or
NO_POLARITY (mentioned, without a sentiment).
"""

import torch
from torch import Tensor

from utils.structures import NO_POLARITY, NOT_MENTIONED


def f1_scores(hits: Tensor, predicted: Tensor, support: Tensor) -> dict[str, float]:
    """Micro F1 of counts (K), and macro F1 over those of the K that occur in the truth."""
    f1 = 2 * hits / (predicted + support).clamp(min=1)
    present = support > 0
    micro = 2 * hits.sum() / (predicted.sum() + support.sum()).clamp(min=1)
    return {"micro_f1": float(micro), "macro_f1": float(f1[present].mean()) if present.any() else 0.0}


def scores_by(hits: Tensor, predicted: Tensor, support: Tensor, names: list[str]) -> dict[str, dict]:
    """Precision, recall, F1 and support by name; None where a score is undefined."""
    return {
        name: {"precision": float(h / p) if p else None, "recall": float(h / s) if s else None,
               "f1": float(2 * h / (p + s)) if s else None, "support": int(s)}
        for name, h, p, s in zip(names, hits.double(), predicted.double(), support.double())
    }


def count_pairs(predicted: Tensor, truth: Tensor, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of each (aspect, sentiment) pair: hits, times predicted, times true; (A, S) each."""
    numbers = torch.arange(classes)
    is_predicted, is_true = (cells.unsqueeze(-1) == numbers for cells in (predicted, truth))  # (N, A, S)
    return (is_predicted & is_true).sum(0).double(), is_predicted.sum(0).double(), is_true.sum(0).double()


def score_cells(predicted: Tensor, polarity: Tensor, truth: Tensor, aspects: list[str], classes: list[str]) -> dict:
    """
    Args:
        predicted: (N, A), what is said of each cell.
        polarity: (N, A), the sentiment that would be said of each cell, were it known to be mentioned.
        truth: (N, A).

    `aspect_*`: which aspects are mentioned. `pair_*`: aspect and sentiment together; a cell without a polarity is
    not a pair. `polarity_*`: the sentiment, given the cells that have one. Macro means are over what occurs in the
    truth.
    """
    mentioned, said = truth != NOT_MENTIONED, predicted != NOT_MENTIONED
    detection = (mentioned & said).sum(0).double(), said.sum(0).double(), mentioned.sum(0).double()  # (A,) each
    pairs = count_pairs(predicted, truth, len(classes))
    known = truth >= 0
    matrix = torch.bincount(truth[known] * len(classes) + polarity[known], minlength=len(classes) ** 2)
    matrix = matrix.view(len(classes), len(classes)).double()  # (S, S), row = true
    by_class = matrix.diagonal(), matrix.sum(0), matrix.sum(1)
    by_aspect = scores_by(*detection, aspects)
    for a, name in enumerate(aspects):
        right = known[:, a] & (polarity[:, a] == truth[:, a])
        by_aspect[name] |= {"pair_f1": f1_scores(*(count[a] for count in pairs))["micro_f1"] if pairs[2][a].any() else None,
                            "polarity_accuracy": float(right.sum() / known[:, a].sum()) if known[:, a].any() else None}
    return {
        "reviews": len(truth),
        "cells": int(mentioned.sum()),
        **{f"aspect_{name}": value for name, value in f1_scores(*detection).items()},
        **{f"pair_{name}": value for name, value in f1_scores(*(count.flatten() for count in pairs)).items()},
        "polarity_accuracy": float(matrix.diagonal().sum() / matrix.sum().clamp(min=1)),
        "polarity_macro_f1": f1_scores(*by_class)["macro_f1"],
        "per_aspect": by_aspect,
        "per_sentiment": scores_by(*by_class, classes),
        "polarity_matrix": matrix.long().tolist(),
        "support": pairs[2].long().tolist(),  # (A, S)
        "pair_f1": [[float(2 * h / (p + s)) if s else None for h, p, s in zip(*rows)] for rows in zip(*pairs)],
    }


def constant(truth: Tensor, sentiments: Tensor, aspects: Tensor) -> Tensor:
    """(N, A): of every review the same; `sentiments` (A) where `aspects` (A) is true, NOT_MENTIONED elsewhere."""
    return torch.where(aspects, sentiments, NOT_MENTIONED).expand_as(truth)


HEADLINE = ("aspect_micro_f1", "aspect_macro_f1", "pair_micro_f1", "pair_macro_f1", "polarity_accuracy",
            "polarity_macro_f1")


def baselines(truth: Tensor, aspects: list[str], classes: list[str]) -> dict[str, dict]:
    """What no look at a review would score on this split.

    `majority` says the split's most frequent sentiment of each aspect, for every aspect that more than half of the
    reviews mention (the most frequent aspect, if none is); `neutral`, where there is such a sentiment, is Neutral
    for the same aspects.
    """
    mentioned = truth != NOT_MENTIONED
    shares = mentioned.double().mean(0)  # (A,)
    said = shares > 0.5
    said[shares.argmax()] = True
    counts = (truth.unsqueeze(-1) == torch.arange(len(classes))).sum(0)  # (N, A, S) -> (A, S)
    choices = {"majority": counts.argmax(-1)}
    neutral = [number for number, name in enumerate(classes) if name.lower() in ("neutral", "trung tính")]
    if neutral:
        choices["neutral"] = torch.full_like(choices["majority"], neutral[0])
    found = {}
    for name, sentiments in choices.items():
        sentiments = torch.where(counts.any(-1), sentiments, NO_POLARITY)
        cells = constant(truth, sentiments, said)
        scores = score_cells(cells, sentiments.clamp(min=0).expand_as(truth), truth, aspects, classes)
        found[name] = {key: scores[key] for key in HEADLINE}
    return found
