"""Whether words stand in the order in which people write them: which of two comes first is no matter of chance."""

from collections import Counter

import numpy as np

from dataloaders.audit.reviews.words import WORD
from dataloaders.text_dataloader import ReviewDataset
from utils.findings import Finding

OFTEN, PAIRS = 3, 15  # times that two words must be neighbours; pairs of words that must be so
ASSENT = 0.6  # correlation of which comes first, of two halves of a split or of two splits: UIT-ViSFD has 0.93 or more,
# generated reviews 0.9, shuffled words 0.3 at most, reversed texts -0.9


def audit_word_order(datasets: dict[str, ReviewDataset]) -> list[Finding]:
    """Texts whose words were sorted, shuffled or reversed."""
    halves = {split: [_neighbours(dataset, half) for half in (0, 1)] for split, dataset in datasets.items()}
    wholes, findings = {split: first + second for split, (first, second) in halves.items()}, []
    for split in datasets:
        alone = _agreement(*halves[split])
        both = _agreement(wholes["train"], wholes[split]) if split != "train" else None
        if alone is not None and alone < ASSENT:
            said = f"words stand in no order (which of two comes first is a matter of chance: {alone:.2f})"
        elif both is not None and both < ASSENT:
            said = f"words stand in another order than in train (agreement {both:.2f})"
        else:
            continue
        findings.append(Finding("warning", "words-out-of-order", f"{split}: {said}", "look at the texts, and at what "
                                "prepared them", len(datasets[split]), repr(datasets[split].reviews[0].text[:60])))
    return findings


def _neighbours(dataset: ReviewDataset, half: int) -> Counter:
    pairs = Counter()
    for review in dataset.reviews[half::2]:
        words = WORD.findall(review.text.casefold())
        pairs.update(zip(words, words[1:]))
    return pairs


def _agreement(one: Counter, other: Counter) -> float | None:
    """Correlation of how much oftener a word comes before another than after it; None where pairs are too few."""
    known = {tuple(sorted(pair)) for pair, _ in (one + other).items() if pair[0] != pair[1]}
    before, after = (np.array([[part[pair[::way]] for part in (one, other)] for pair in known], float).reshape(-1, 2)
                     for way in (1, -1))  # (pairs, 2)
    often = (before + after).min(1) >= OFTEN
    if often.sum() < PAIRS:
        return None
    first, second = ((before - after) / np.maximum(before + after, 1))[often].T
    return float((first @ second) / np.sqrt((first @ first) * (second @ second) + 1e-9))
