"""Whether Positive is positive: plain words and stars must point the same way as the labels."""

import re

import numpy as np
from scipy.stats import spearmanr

from dataloaders.audit.reviews.table import PlainTable
from dataloaders.text_dataloader import ReviewDataset
from utils.findings import Finding, of_some

STARS = ("n_star", "n_stars", "star", "stars", "rating", "ratings", "score")
POSITIVE, NEGATIVE = ("positive", "tích cực"), ("negative", "tiêu cực")
GOOD = re.compile(r"\b(tốt|đẹp|tuyệt|ngon|mượt|hài lòng|trâu|ưng|good|great|excellent|love)\b")
BAD = re.compile(r"\b(tệ|kém|chán|lỗi|thất vọng|dở|yếu|tụt|hỏng|bad|terrible|poor|awful|hate)\b")
ENOUGH = 60  # labels
REVERSED = 0.15  # share of positives; on real data the good reviews have 0.5 more, not less


def audit_polarity(datasets: dict[str, ReviewDataset], tables: dict[str, PlainTable], aspects: list[str],
                   sentiments: list[str]) -> list[Finding]:
    names = [name.casefold() for name in sentiments]
    places = [next((names.index(word) for word in words if word in names), None) for words in (POSITIVE, NEGATIVE)]
    if None in places:
        return []
    return [finding for split, dataset in datasets.items()
            for finding in (*_words(split, dataset, aspects, *places), *_stars(split, dataset, tables[split], *places))]


def _words(split: str, dataset: ReviewDataset, aspects: list[str], positive: int, negative: int) -> list[Finding]:
    """Labels of reviews that have only good words, against those of reviews that have only bad ones."""
    texts = [review.text.casefold() for review in dataset.reviews]
    good, bad = (np.array([bool(words.search(text)) for text in texts], bool) for words in (GOOD, BAD))
    counts = np.array([[[(dataset.targets[rows, column] == number).sum() for number in (positive, negative)]
                        for rows in (good & ~bad, bad & ~good)] for column in range(len(aspects))])  # (A, good bad, 2)
    swap = "look whether Positive and Negative, or their codes, are swapped"
    of_good, of_bad = shares(counts.sum(axis=0))
    if counts.sum(axis=(0, 2)).min() >= ENOUGH and of_good < of_bad - REVERSED:
        return [Finding("error", "sentiments-reversed", f"{split}: reviews with only good words have {of_good:.0%} "
                        f"positive labels, those with only bad words {of_bad:.0%}", swap, len(dataset),
                        "good: tốt, đẹp; bad: tệ, kém")]
    wrong = [name for name, table in zip(aspects, counts)
             if table.sum(axis=1).min() >= ENOUGH / 2 and shares(table)[0] < shares(table)[1] - REVERSED]
    if wrong:
        return [Finding("error", "sentiments-reversed", f"{split}: {len(wrong)} aspects are rated worse in reviews "
                        "with good words than in those with bad words", swap, **of_some(wrong))]
    cells = dataset.targets[bad & ~good]
    amounts = np.bincount(cells[cells >= 0], minlength=negative + 1)
    others = [int(n) for number, n in enumerate(amounts) if number not in (positive, negative)]
    if amounts.sum() < ENOUGH or max(others, default=0) <= 1.5 * amounts[negative]:
        return []
    return [Finding("error", "negative-is-another", f"{split}: reviews with only bad words have {amounts[negative]} "
                    f"negative labels, but {max(others)} of another sentiment", "look whether sentiments or their "
                    "codes are swapped", int(amounts.sum()), "bad: tệ, kém")]


def shares(counts: np.ndarray) -> np.ndarray:
    """Of positive ones, for (good bad, positive negative) counts."""
    return counts[:, 0] / counts.sum(axis=1).clip(1)


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
    return [Finding("warning", "stars-unrelated", f"{split}: the labels have nothing to do with column {column!r} "
                    f"(rank correlation {agreement:.2f})",
                    "look whether labels were shifted or shuffled against the reviews",
                    count)]
