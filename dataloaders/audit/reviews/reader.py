"""A reader of words, learned in a moment: how well a text's words tell its labels."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import rankdata
from sklearn.feature_extraction.text import CountVectorizer

from utils.structures import NOT_MENTIONED

LEAST = 300  # reviews in a block, and in a training split that can tell anything
EACH = 15  # cases and counter-cases that an AUC is computed from
BLOCKS = 20


@dataclass
class Questions:
    """What is asked about each review, a column each: is the aspect mentioned; if rated, is it this sentiment?"""

    names: list[str]
    mention: np.ndarray  # (Q,) bool
    yes: np.ndarray  # (N, Q) bool
    no: np.ndarray  # (N, Q) bool; neither where the question does not arise


def questions(targets: np.ndarray, aspects: list[str], sentiments: list[str]) -> Questions:
    mentioned = targets != NOT_MENTIONED
    yes, no, names = [mentioned], [~mentioned], list(aspects)
    for number, word in enumerate(sentiments):
        yes.append(targets == number)
        no.append((targets >= 0) & (targets != number))
        names += [f"{aspect} {word}" for aspect in aspects]
    mention = np.arange(len(names)) < len(aspects)
    return Questions(names, mention, np.hstack(yes), np.hstack(no))


def aucs(scores: np.ndarray, asked: Questions, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """(Q,) area under the ROC curve of each question in these rows; nan where cases are too few."""
    areas = np.full(len(asked.names), np.nan)
    for column in range(len(areas)):
        yes, no = asked.yes[rows, column], asked.no[rows, column]
        cases, others = yes.sum(), no.sum()
        if min(cases, others) >= EACH:
            ranks = rankdata(scores[rows, column][yes | no])[yes[yes | no]]
            areas[column] = (ranks.sum() - cases * (cases + 1) / 2) / (cases * others)
    return areas


def deviation(asked: Questions) -> np.ndarray:
    """(Q,) of an AUC at chance."""
    cases, others = asked.yes.sum(axis=0).clip(1), asked.no.sum(axis=0).clip(1)
    return np.sqrt((cases + others + 1) / (12 * cases * others))


class Reader:
    """Naive Bayes on the words of the training reviews, with counts kept by block, so that any can be left out."""

    def __init__(self, texts: list[str], asked: Questions):
        self.words = CountVectorizer(binary=True, min_df=3, token_pattern=r"\w+", dtype=np.float64)
        self.seen = self.words.fit_transform(texts)  # (N, V)
        count = min(BLOCKS, len(texts) // LEAST)
        self.blocks = np.arange(len(texts)) * max(count, 2) // len(texts)
        parts = [self.blocks == block for block in range(max(count, 2))]
        # (blocks, V + 1, Q); the last row counts the reviews themselves
        self.yes = np.stack([_counts(self.seen[part], asked.yes[part]) for part in parts])
        self.no = np.stack([_counts(self.seen[part], asked.no[part]) for part in parts])

    def weights(self, without: int | None = None) -> np.ndarray:
        """(V, Q) log of how much likelier a word is in a case than in a counter-case."""
        kept = np.arange(len(self.yes)) != (-1 if without is None else without)
        yes, no = self.yes[kept].sum(axis=0), self.no[kept].sum(axis=0)
        return np.log((yes[:-1] + 0.5) / (yes[-1] + 1)) - np.log((no[:-1] + 0.5) / (no[-1] + 1))

    def crossed(self) -> np.ndarray:
        """(N, Q) scores of the training reviews, each by the other blocks."""
        scores = np.zeros((self.seen.shape[0], self.yes.shape[2]))
        for block in range(len(self.yes)):
            scores[self.blocks == block] = self.seen[self.blocks == block] @ self.weights(block)
        return scores


def _counts(seen: csr_matrix, chosen: np.ndarray) -> np.ndarray:
    return np.vstack([seen.T @ chosen.astype(np.float64), chosen.sum(axis=0)])
