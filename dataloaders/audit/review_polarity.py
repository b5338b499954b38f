"""Whether Positive is positive: plain words and stars must point the same way as the labels."""

import re

import numpy as np
from scipy.stats import spearmanr

from dataloaders.audit.review_file import PlainTable
from dataloaders.text_dataloader import ReviewDataset
from utils.findings import Finding

STARS = ("n_star", "n_stars", "star", "stars", "rating", "ratings", "score")
POSITIVE, NEGATIVE = ("positive", "tích cực"), ("negative", "tiêu cực")
GOOD = re.compile(r"\b(tốt|đẹp|tuyệt|ngon|mượt|hài lòng|trâu|ưng|good|great|excellent|love)\b")
BAD = re.compile(r"\b(tệ|kém|chán|lỗi|thất vọng|dở|yếu|tụt|hỏng|bad|terrible|poor|awful|hate)\b")
ENOUGH = 60


def audit_polarity(datasets: dict[str, ReviewDataset], tables: dict[str, PlainTable], sentiments: list[str],
                   ) -> list[Finding]:
    names = [name.casefold() for name in sentiments]
    places = [next((names.index(word) for word in words if word in names), None) for words in (POSITIVE, NEGATIVE)]
    if None in places:
        return []
    return [finding for split, dataset in datasets.items()
            for finding in (*_words(split, dataset, *places), *_stars(split, dataset, tables[split], *places))]


def _words(split: str, dataset: ReviewDataset, positive: int, negative: int) -> list[Finding]:
    """Labels of reviews that have only good words, or only bad ones."""
    shares = []
    for wanted, other in ((GOOD, BAD), (BAD, GOOD)):
        chosen = [place for place, review in enumerate(dataset.reviews)
                  if wanted.search(review.text.casefold()) and not other.search(review.text.casefold())]
        cells = dataset.targets[chosen]
        positives, negatives = (cells == positive).sum(), (cells == negative).sum()
        if positives + negatives < ENOUGH:
            return []
        shares.append(positives / (positives + negatives))
    good, bad = shares
    if good > bad:
        return []
    return [Finding("error", "sentiments-reversed", f"{split}: reviews with only good words have {good:.0%} positive "
                    f"labels, those with only bad words {bad:.0%}", "look whether Positive and Negative, or their codes, "
                    "are swapped", len(dataset), "good: tốt, đẹp; bad: tệ, kém")]


def _stars(split: str, dataset: ReviewDataset, table: PlainTable, positive: int, negative: int) -> list[Finding]:
    column = next((i for i, name in enumerate(table.header) if name.casefold() in STARS), None)
    if column is None:
        return []
    cells, pairs = table.column(column), []
    for name, row in zip(dataset.ids, dataset.targets):
        balance = (row == positive).sum() - (row == negative).sum()
        if name.isdigit() and int(name) <= len(cells) and re.fullmatch(r"\s*\d+(\.\d+)?\s*", cells[int(name) - 1]):
            pairs.append((float(cells[int(name) - 1]), balance))
    stars, balances = np.array(pairs).T if pairs else (np.zeros(0), np.zeros(0))
    if len(pairs) < ENOUGH or len(set(stars)) < 2 or len(set(balances)) < 2:
        return []
    agreement = spearmanr(stars, balances).statistic
    if agreement > -0.2:
        return _unrelated(split, table.header[column], agreement, len(pairs))
    return [Finding("error", "sentiments-against-stars", f"{split}: the more stars, the more negative the labels "
                    f"(rank correlation {agreement:.2f} with column {table.header[column]!r})", "look whether Positive "
                    "and Negative, or their codes, are swapped", len(pairs))]


def _unrelated(split: str, column: str, agreement: float, count: int) -> list[Finding]:
    if agreement > 0.1 or count < 300:
        return []
    return [Finding("warning", "stars-unrelated", f"{split}: the labels have nothing to do with column {column!r} (rank "
                    f"correlation {agreement:.2f})", "look whether labels were shifted or shuffled against the reviews",
                    count)]
