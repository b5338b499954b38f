"""Scores of aspect sentiment, and the baselines that they must be read against.

A cell is one aspect of one review. Its truth, and what is said of it, is a sentiment's number, NOT_MENTIONED, or
NO_POLARITY (mentioned, without a sentiment).
"""

import torch
from torch import Tensor

from utils.cells import NEUTRAL
from utils.structures import NO_POLARITY, NOT_MENTIONED

Counts = tuple[Tensor, Tensor, Tensor]  # of the things counted: hits, times said, times true

HEADLINE = ("aspect_micro_f1", "aspect_macro_f1", "pair_micro_f1", "pair_macro_f1", "polarity_accuracy",
            "polarity_macro_f1")


def f1_scores(hits: Tensor, said: Tensor, support: Tensor) -> dict[str, float]:
    """Micro F1 of counts (K), and macro F1 over those of the K that occur in the truth; 0 where none does."""
    f1 = 2 * hits / (said + support).clamp(min=1)
    present = support > 0
    micro = 2 * hits.sum() / (said.sum() + support.sum()).clamp(min=1)
    return {"micro_f1": float(micro), "macro_f1": float(f1[present].mean()) if present.any() else 0.0}


def scores_by(hits: Tensor, said: Tensor, support: Tensor, names: list[str]) -> dict[str, dict]:
    """Precision, recall, F1 and support by name; None where a score is undefined."""
    return {
        name: {"precision": h / p if p else None, "recall": h / s if s else None,
               "f1": 2 * h / (p + s) if s else None, "support": int(s)}
        for name, h, p, s in zip(names, hits.tolist(), said.tolist(), support.tolist())
    }


def count_aspects(said: Tensor, truth: Tensor) -> Counts:
    """Of each aspect, in cells (N, A): (A,) each."""
    is_said, is_true = said != NOT_MENTIONED, truth != NOT_MENTIONED
    return (is_said & is_true).sum(0).double(), is_said.sum(0).double(), is_true.sum(0).double()


def count_pairs(said: Tensor, truth: Tensor, sentiments: int) -> Counts:
    """Of each (aspect, sentiment) pair, in cells (N, A): (A, S) each.

    A cell mentioned without a polarity is no pair, and no sentiment said of it is right or wrong.
    """
    numbers = torch.arange(sentiments)
    is_true = truth.unsqueeze(-1) == numbers  # (N, A, S)
    is_said = (said.unsqueeze(-1) == numbers) & (truth != NO_POLARITY).unsqueeze(-1)
    return (is_said & is_true).sum(0).double(), is_said.sum(0).double(), is_true.sum(0).double()


def polarity_matrices(polarity: Tensor, truth: Tensor, sentiments: int) -> Tensor:
    """(A, S, S), row = true: the sentiments said of the cells (N, A) that have one."""
    numbers = torch.arange(sentiments)
    is_true, is_said = ((cells.unsqueeze(-1) == numbers).double() for cells in (truth, polarity))
    return torch.einsum("nas,nat->ast", is_true, is_said)


def headline(aspects: Counts, pairs: Counts, matrix: Tensor) -> dict[str, float]:
    """The six scores of HEADLINE, from the counts of aspects and pairs, and the matrix (S, S) of polarity."""
    polarity = matrix.diagonal(), matrix.sum(0), matrix.sum(1)
    scores = {f"aspect_{name}": value for name, value in f1_scores(*aspects).items()}
    scores |= {f"pair_{name}": value for name, value in f1_scores(*(count.flatten() for count in pairs)).items()}
    return scores | {"polarity_accuracy": float(matrix.trace() / matrix.sum().clamp(min=1)),
                     "polarity_macro_f1": f1_scores(*polarity)["macro_f1"]}


def score_cells(said: Tensor, polarity: Tensor, truth: Tensor, aspects: list[str], sentiments: list[str]) -> dict:
    """
    Args:
        said: (N, A), what is said of each cell.
        polarity: (N, A), the sentiment that would be said of each cell, were it known to be mentioned.
        truth: (N, A).

    `aspect_*`: which aspects are mentioned. `pair_*`: aspect and sentiment together. `polarity_*`: the sentiment,
    of the cells that truly have one. Macro means are over the aspects, pairs or sentiments that occur in the truth.
    What there is nothing to score of is 0 among these six, and None in the tables.
    """
    found, pairs = count_aspects(said, truth), count_pairs(said, truth, len(sentiments))
    matrices = polarity_matrices(polarity, truth, len(sentiments))  # (A, S, S)
    matrix = matrices.sum(0)
    return {
        "reviews": len(truth),
        "mentions": int(found[2].sum()),
        **headline(found, pairs, matrix),
        "per_aspect": _per_aspect(found, pairs, matrices, aspects),
        "per_sentiment": scores_by(matrix.diagonal(), matrix.sum(0), matrix.sum(1), sentiments),
        "polarity_matrix": matrix.long().tolist(),
        "pair_f1": [[2 * h / (p + s) if s else None for h, p, s in zip(*rows)]
                    for rows in zip(*(count.tolist() for count in pairs))],  # (A, S)
        "pair_support": pairs[2].long().tolist(),  # (A, S)
    }


def _per_aspect(found: Counts, pairs: Counts, matrices: Tensor, aspects: list[str]) -> dict[str, dict]:
    """Of each aspect: how well it is found, F1 over its pairs, and the accuracy of its polarity."""
    table = scores_by(*found, aspects)
    for a, name in enumerate(aspects):
        of_pairs, matrix = [count[a] for count in pairs], matrices[a]
        has_polarity = bool(matrix.any())
        table[name] |= {"pair_f1": f1_scores(*of_pairs)["micro_f1"] if has_polarity else None,
                        "polarity_accuracy": float(matrix.trace() / matrix.sum()) if has_polarity else None}
    return table


def baselines(truth: Tensor, sentiments: list[str]) -> dict[str, dict[str, float]]:
    """The most that one answer, given to every review alike, would score on cells (N, A) of this split.

    The answer names the k aspects that the split mentions most often, and says of each, in `majority`, the
    sentiment that it has most often, in `neutral`, where there is such a sentiment, Neutral. Each score takes the k
    that it is highest at: to name only what most reviews mention would be too low a bar for a mean over aspects, and
    to name them all for a micro mean. Polarity, given the aspect, does not depend on k.
    """
    counts = (truth.unsqueeze(-1) == torch.arange(len(sentiments))).sum(0)  # (N, A, S) -> (A, S)
    choices = {"majority": counts.argmax(-1)}
    neutral = [number for number, name in enumerate(sentiments) if name.lower() in NEUTRAL]
    if neutral:
        choices["neutral"] = torch.full_like(choices["majority"], neutral[0])
    by_frequency = (truth != NOT_MENTIONED).sum(0).argsort(descending=True, stable=True)
    found = {}
    for name, chosen in choices.items():
        answers = (_score_same(chosen, by_frequency[:k], truth, counts) for k in range(1, len(chosen) + 1))
        rows = list(answers)
        found[name] = {key: max(row[key] for row in rows) for key in HEADLINE}
    return found


def _score_same(chosen: Tensor, named: Tensor, truth: Tensor, counts: Tensor) -> dict[str, float]:
    """The scores of naming the aspects `named` (k) of every review, with the sentiments `chosen` (A).

    Only counts are needed, so that the many answers tried cost little.
    """
    is_named = torch.zeros(len(chosen), dtype=torch.bool).index_fill(0, named, True)
    mentions = (truth != NOT_MENTIONED).sum(0).double()
    aspects = mentions * is_named, len(truth) * is_named.double(), mentions
    is_chosen = torch.nn.functional.one_hot(chosen, counts.shape[1]) * counts.any(-1, keepdim=True)  # (A, S)
    said = is_chosen * is_named.unsqueeze(-1)
    times = (truth != NO_POLARITY).sum(0).unsqueeze(-1) * said
    pairs = (counts * said).double(), times.double(), counts.double()
    matrix = torch.einsum("as,at->st", counts.double(), is_chosen.double())
    return headline(aspects, pairs, matrix)
