"""Reviews against their table, read a second time with other code: no row, text or label may have changed."""

from collections import Counter
from pathlib import Path

import numpy as np

from dataloaders.audit.reviews.table import PlainTable, plain, plain_targets
from dataloaders.audit.reviews.words import folded
from dataloaders.loader import Loader
from utils.findings import Finding, of_some
from utils.structures import NO_POLARITY, NOT_MENTIONED, Labels

BUG = "this is a fault of the reader: report it"


def audit_rows(loaders: dict[str, Loader], tables: dict[str, PlainTable]) -> list[Finding]:
    """Every row of a table stands in just one place."""
    seen: dict[Path, Counter] = {}
    for split, loader in loaders.items():
        seen.setdefault(tables[split].path, Counter()).update(loader.dataset.ids)
    findings = []
    for path, ids in seen.items():
        table = next(table for table in tables.values() if table.path == path)
        expected = {str(number) for number in range(1, len(table.rows) + 1)}
        shared = sum(table.path == path for split, table in tables.items() if split in loaders)
        if shared == 2 and max(ids.values()) == 2 and len(ids) == sum(ids.values()) / 2:
            continue  # one file given for two splits: audit_twins says so
        for name, rows, what in (("rows-lost", expected - ids.keys(), "are in no split"),
                                 ("rows-unknown", ids.keys() - expected, "are given out but not in the file"),
                                 ("rows-twice", {row for row, n in ids.items() if n > 1}, "are given out twice")):
            if rows:
                findings.append(Finding("error", name, f"{path}: {len(rows)} of {len(expected)} rows {what}", BUG,
                                        **of_some(f"row {row}" for row in sorted(rows, key=lambda x: (len(x), x)))))
    return findings


def audit_texts(split: str, loader: Loader, table: PlainTable, text_column: str) -> list[Finding]:
    """The texts are those of one column, and of the one that is asked for."""
    reviews = [r for r in loader.dataset.reviews if r.id.isdigit() and 0 < int(r.id) <= len(table.rows)]
    wrong = {}
    for index, name in enumerate(table.header):
        cells = table.column(index)
        wrong[name] = [r for r in reviews if plain(cells[int(r.id) - 1]) != r.text]
    asked = text_column if text_column in wrong else min(wrong, key=lambda name: len(wrong[name]))
    if text_column not in wrong and len(wrong[asked]) == len(reviews):  # no column holds the texts: which is likest?
        asked = max(table.header, key=lambda name: _likeness(table.column(table.header.index(name)), reviews[:200]))
    changed = wrong[asked]
    if not changed:
        return []
    cells = table.column(table.header.index(asked))
    examples = of_some(f"row {r.id}: {_short(cells[int(r.id) - 1])} became {_short(r.text)}" for r in changed)
    composed = sum(plain(r.text) == plain(cells[int(r.id) - 1]) for r in changed)
    if composed == len(changed):
        return [Finding("error", "text-not-composed", f"{split}: {len(changed)} of {len(reviews)} texts are not in "
                        "Unicode's composed form (NFC), so the tokenizer takes their letters apart", BUG, **examples)]
    return [Finding("error", "text-not-of-file", f"{split}: {len(changed)} of {len(reviews)} texts are not what stands "
                    f"in column {asked!r} of {table.path}", BUG, **examples)]


def _likeness(cells: list[str], reviews: list) -> tuple[int, int]:
    """Texts that a column holds but for case and accents, and its length."""
    return sum(folded(cells[int(r.id) - 1]) == folded(r.text) for r in reviews), sum(map(len, cells))


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def audit_targets(split: str, loader: Loader, table: PlainTable, labels: Labels, sentiments: list[str],
                  ) -> list[Finding]:
    """What training is told of each aspect is what the file says of it."""
    expected, others = plain_targets(table, labels, sentiments)
    dataset, findings = loader.dataset, []
    rows = np.array([int(name) - 1 if name.isdigit() else -1 for name in dataset.ids])
    inside = np.flatnonzero((rows >= 0) & (rows < len(expected)))
    where, columns = np.nonzero(dataset.targets[inside] != expected[rows[inside]])
    if len(where):
        places = inside[where]
        said = [f"row {dataset.ids[place]}: {labels.aspects[column]} is "
                f"{_spelt(expected[rows[place], column], sentiments)} there, "
                f"{_spelt(dataset.targets[place, column], sentiments)} in training"
                for place, column in zip(places, columns)]
        findings.append(Finding("error", "label-not-of-file", f"{split}: {len(where)} of {dataset.targets.size} labels "
                                f"are not what {table.path} says", BUG, **of_some(said)))
    if others:
        findings.append(Finding("error", "aspect-left-out", f"{split}: {table.path} has labels of aspects that "
                                "training leaves out", "name them in --aspects, or take them out",
                                **of_some(sorted(others))))
    if [review.id for review in dataset.reviews] != dataset.ids:
        findings.append(Finding("error", "ids-not-of-reviews", f"{split}: reviews and their ids are out of step", BUG))
    return findings


def _spelt(target: int, sentiments: list[str]) -> str:
    if target >= 0:
        return sentiments[target] if target < len(sentiments) else f"sentiment {target}"
    return {NOT_MENTIONED: "not mentioned", NO_POLARITY: "without a sentiment"}[int(target)]


def audit_counts(loader: Loader, tables: dict[str, PlainTable], labels: Labels, by_class: bool) -> list[Finding]:
    """`labels.counts`, by which losses weigh the sentiments, counted anew from the file as often as rows are drawn."""
    dataset, sentiments = loader.dataset, labels.classes[:-1] if by_class else labels.classes
    expected, _ = plain_targets(tables["train"], labels, sentiments)
    visits = [int(dataset.ids[place]) - 1 for place in loader.order.visits if dataset.reviews[place].text.strip()]
    drawn = expected[[row for row in visits if row < len(expected)]]
    counts = [int((drawn == number).sum()) for number in range(len(sentiments))]
    counts += [int((drawn == NOT_MENTIONED).sum())] if by_class else []
    findings = []
    if counts != labels.counts:
        findings.append(Finding("error", "counts-wrong", f"train: training weighs the classes {labels.classes} by the "
                                f"counts {labels.counts}, the file has {counts}", BUG))
    rated = {name for name, column in zip(labels.aspects, expected.T) if (column >= 0).any()}
    if wrong := rated.symmetric_difference(set(labels.aspects) - set(labels.unrated)):
        findings.append(Finding("error", "unrated-wrong", "train: training is mistaken about which aspects have a "
                                "sentiment", BUG, **of_some(sorted(wrong))))
    return findings
