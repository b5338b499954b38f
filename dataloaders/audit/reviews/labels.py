"""How the labels of reviews are distributed, and whether they were filled in rather than given."""

import difflib
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from dataloaders.audit.reviews.words import ENOUGH
from dataloaders.text_dataloader import ReviewDataset
from utils.findings import Finding, of_some
from utils.structures import NO_POLARITY, NOT_MENTIONED

NEUTRAL = ("neutral", "trung tính", "trung lập")
FEW = 10  # mentions from which an aspect can be learned at all
RUN = 60  # rows in a row


def audit_labels(datasets: dict[str, ReviewDataset], aspects: list[str], sentiments: list[str]) -> list[Finding]:
    targets = {split: dataset.targets for split, dataset in datasets.items()}
    findings = [*_overview(targets, sentiments), *_names(targets["train"], aspects), *_unlabelled(targets)]
    for split, table in targets.items():
        findings += _absent(split, table, targets["train"], aspects, sentiments)
        findings += _filled(split, table, aspects, sentiments)
        findings += _runs(split, datasets[split])
        if split != "train":
            findings += _unlike(split, table, targets["train"], aspects, sentiments)
    return findings


def _overview(targets: dict[str, np.ndarray], sentiments: list[str]) -> Iterator[Finding]:
    for split, table in targets.items():
        rated = np.bincount(table[table >= 0], minlength=len(sentiments))
        shares = ", ".join(f"{n / max(rated.sum(), 1):.0%} {name}" for n, name in zip(rated, sentiments))
        each = (table != NOT_MENTIONED).sum() / max(len(table), 1)
        yield Finding("note", "labels", f"{split}: {each:.1f} aspects a review; {shares}", count=len(table))


def _absent(split: str, table: np.ndarray, train: np.ndarray, aspects: list[str], sentiments: list[str],
            ) -> list[Finding]:
    mentions, of_train = (table != NOT_MENTIONED).sum(axis=0), (train != NOT_MENTIONED).sum(axis=0)
    findings, vain = [], "be learned" if split == "train" else "be scored"
    lacking = [name for name, count in zip(aspects, mentions) if not count]
    if lacking:
        findings.append(Finding("warning", "aspect-absent", f"{split}: no review mentions {len(lacking)} of "
                                f"{len(aspects)} aspects, which cannot {vain}", "give --aspects without them, or add "
                                "reviews", **of_some(lacking)))
    rare = [f"{name} ({count})" for name, count in zip(aspects, of_train) if 0 < count < FEW]
    if split == "train" and rare and len(train) >= ENOUGH:
        findings.append(Finding("warning" if len(train) >= 1000 else "note", "aspect-rare", f"train: {len(rare)} "
                                f"aspects are mentioned fewer than {FEW} times",
                                "leave them out with --aspects, or add reviews",
                                **of_some(rare)))
    none = [name for number, name in enumerate(sentiments) if not (table == number).any()]
    if none:
        findings.append(Finding("warning", "sentiment-absent", f"{split}: no label is {', '.join(none)}, which cannot "
                                f"{vain}", "correct the table, or give --sentiments without it", **of_some(none)))
    lost = [name for column, name in enumerate(aspects) if (train[:, column] >= 0).sum() > 0.5 * of_train[column]
            and mentions[column] >= FEW and not (table[:, column] >= 0).any()]
    if lost:
        findings.append(Finding("warning", "sentiment-lost", f"{split}: {len(lost)} aspects are mentioned, but never "
                                "with a sentiment", "correct the table", **of_some(lost)))
    return findings


def _filled(split: str, table: np.ndarray, aspects: list[str], sentiments: list[str]) -> list[Finding]:
    """Cells that say something about nearly every review were filled in by a habit."""
    if len(table) < ENOUGH or len(aspects) < 2:
        return []
    findings, always = [], (table != NOT_MENTIONED).mean(axis=0) > 0.95
    shares = {number: (table == number).mean(axis=0) for number in [*range(len(sentiments)), NO_POLARITY]}
    for number, share in shares.items():
        filled = [f"{name} ({share[column]:.0%})" for column, name in enumerate(aspects)
                  if always[column] and share[column] > 0.55]
        word = sentiments[number] if number >= 0 else "no sentiment"
        if filled and word.casefold() in NEUTRAL:
            findings.append(Finding("warning", "unmentioned-as-neutral", f"{split}: {len(filled)} of {len(aspects)} "
                                    f"aspects have a label in every review, mostly {word}: not mentioned was filled in "
                                    "as neutral, which an always-neutral guess scores well on",
                                    "leave the cells of aspects that are not mentioned blank", **of_some(filled)))
        elif len(filled) > 0.5 * len(aspects) and len(aspects) >= 4:
            findings.append(Finding("warning", "always-mentioned", f"{split}: {len(filled)} of {len(aspects)} aspects "
                                    f"have a label in every review, mostly {word}", "leave the cells of aspects that "
                                    "are not mentioned blank", **of_some(filled)))
    return findings


def _runs(split: str, dataset: ReviewDataset) -> list[Finding]:
    """Labels that end in mid-table, or were dragged down a column of a spreadsheet."""
    table = dataset.targets
    if len(table) < 2 * RUN or table.shape[1] < 2:
        return []
    change = np.flatnonzero((table[1:] != table[:-1]).any(axis=1)) + 1
    starts, ends = np.r_[0, change], np.r_[change, len(table)]
    empty = (table[starts] == NOT_MENTIONED).all(axis=1)
    findings, unlabelled = [], (table == NOT_MENTIONED).all(axis=1)
    for name, chosen, said in (
        ("labels-missing", empty, "have no label, one after the other"),
        ("labels-repeated", ~empty, "have the same labels, one after the other"),
    ):
        runs = [(a, b) for a, b in zip(starts[chosen], ends[chosen]) if b - a >= RUN]
        if runs and not (name == "labels-missing" and unlabelled.mean() > 0.8):
            count = sum(b - a for a, b in runs)
            findings.append(Finding("warning", name, f"{split}: {count} reviews {said}",
                                    "look whether the table is whole",
                                    int(count), f"rows {dataset.ids[runs[0][0]]} to {dataset.ids[runs[0][1] - 1]}"))
    return findings


def _unlike(split: str, table: np.ndarray, train: np.ndarray, aspects: list[str], sentiments: list[str],
            ) -> list[Finding]:
    """Gross differences between a split's labels and training's."""
    if min(len(table), len(train)) < ENOUGH:
        return []
    said = []
    for column, name in enumerate(aspects):
        ours, theirs = ((t[:, column] != NOT_MENTIONED).mean() for t in (train, table))
        if max(ours, theirs) * len(table) >= 20 and _apart(ours, theirs, len(table)):
            said.append(f"{name} mentioned {ours:.0%} in train, {theirs:.0%} in {split}")
        rated = [t[:, column][t[:, column] >= 0] for t in (train, table)]
        for number, word in enumerate(sentiments if min(map(len, rated)) >= 20 else []):
            ours, theirs = ((cells == number).mean() for cells in rated)
            if _apart(ours, theirs, len(rated[1])):
                said.append(f"{name} {word} {ours:.0%} of its labels in train, {theirs:.0%} in {split}")
    for number, word in enumerate(sentiments):
        ours, theirs = ((t == number).sum() / max((t >= 0).sum(), 1) for t in (train, table))
        if _apart(ours, theirs, (table >= 0).sum()):
            said.append(f"{word} {ours:.0%} of labels in train, {theirs:.0%} in {split}")
    if not said:
        return []
    return [Finding("warning", "labels-unlike", f"{split} is not labelled as train is", "look whether both were "
                    "labelled by the same rules, and whether columns or codes are mixed up", **of_some(said))]


def _apart(ours: float, theirs: float, size: int) -> bool:
    """Odds that differ twofold, far beyond chance."""
    deviation = (max(ours * (1 - ours), theirs * (1 - theirs), 1e-4) / max(size, 1)) ** 0.5
    odds = [(share + 0.005) / (1.005 - share) for share in (ours, theirs)]
    return max(odds) > 2 * min(odds) and abs(ours - theirs) > 8 * deviation


def _unlabelled(tables: dict[str, np.ndarray]) -> list[Finding]:
    """Reviews without labels in one split, where another has none."""
    shares = {split: (table == NOT_MENTIONED).all(axis=1).mean() for split, table in tables.items()
              if len(table) >= ENOUGH}
    least = min(shares, key=shares.get, default="")
    return [Finding("warning", "unlabelled", f"{split}: {share:.0%} of the reviews have no label at all, in {least} "
                    f"{shares[least]:.1%}, and they are learned as mentioning nothing", "take out those that nobody "
                    "has labelled", **of_some(f"row {i + 1} of {len(tables[split])}" for i in
                                          np.flatnonzero((tables[split] == NOT_MENTIONED).all(axis=1))))
            for split, share in shares.items() if share > max(0.03, 10 * shares[least])]


def _names(train: np.ndarray, aspects: list[str]) -> list[Finding]:
    """Two spellings of one aspect."""
    parts = [name.casefold().split("#") for name in aspects]
    pairs = [f"{aspects[i]} ({(train[:, i] != NOT_MENTIONED).sum()}) and {aspects[j]} "
             f"({(train[:, j] != NOT_MENTIONED).sum()})" for i, j in combinations(range(len(aspects)), 2)
             if len(parts[i]) == len(parts[j]) and all(
                 difflib.SequenceMatcher(None, a.strip(), b.strip()).ratio() > 0.8 for a, b in zip(parts[i], parts[j]))]
    return [Finding("warning", "aspects-alike", f"{len(pairs)} pairs of aspects have nearly the same name",
                    "correct the misspelt one, or go on if they are two", **of_some(pairs))] if pairs else []
