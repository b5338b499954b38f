"""Reviews that occur more than once: in a split, with other labels, and in two splits."""

import re
from collections import defaultdict
from itertools import combinations

from dataloaders.audit.reviews.words import ENOUGH
from dataloaders.text_dataloader import ReviewDataset
from utils.findings import Finding, of_some

WORDS = 5  # shorter texts are alike by chance
RUN, NEARLY = 5, 0.7  # words in a row, and their share in another split from which a review is nearly there
GROSS = 0.2  # of a split that stands in another too; UIT-ViSFD has 0.3 %


def key_of(text: str) -> str:
    """The words, whatever stands between them."""
    words = re.findall(r"\w+", text.casefold())
    return " ".join(words) if len(words) >= WORDS else ""


def audit_twins(datasets: dict[str, ReviewDataset]) -> list[Finding]:
    places: dict[str, dict[str, list[int]]] = {}
    for split, dataset in datasets.items():
        found = places[split] = defaultdict(list)
        for place, review in enumerate(dataset.reviews):
            if key := key_of(review.text):
                found[key].append(place)
    findings = [finding for split in datasets for finding in _within(split, datasets[split], places[split])]
    for first, second in combinations(datasets, 2):
        findings += _between(first, second, datasets, places)
    return findings + _nearly(datasets, places)


def _within(split: str, dataset: ReviewDataset, places: dict[str, list[int]]) -> list[Finding]:
    again = [found for found in places.values() if len(found) > 1]
    unlike = [found for found in again if len({dataset.targets[place].tobytes() for place in found}) > 1]
    copies, findings = sum(map(len, again)) - len(again), []
    if copies:
        level = "warning" if copies > max(0.1 * len(dataset), 10) else "note"
        findings.append(Finding(level, "twins", f"{split}: {copies} of {len(dataset)} reviews repeat another's text",
                                "leave one of each" if level == "warning" else "", **_rows(dataset, again, copies)))
    if len(unlike) > max(0.02 * len(dataset), 10):
        findings.append(Finding("warning", "twins-disagree",
                                f"{split}: {len(unlike)} texts occur with different labels",
                                "leave one label of each", **_rows(dataset, unlike, len(unlike))))
    return findings


def _rows(dataset: ReviewDataset, groups: list[list[int]], count: int) -> dict:
    said = (f"rows {' and '.join(dataset.ids[place] for place in group[:2])}: "
            f"{dataset.reviews[group[0]].text[:40]!r}" for group in groups)
    return of_some(said) | {"count": count}


def _between(first: str, second: str, datasets: dict[str, ReviewDataset],
             places: dict[str, dict[str, list[int]]]) -> list[Finding]:
    """Training on what is scored makes the score worthless."""
    both = [key for key in places[second] if key in places[first]]
    count, total = sum(len(places[second][key]) for key in both), len(datasets[second])
    if not count:
        return []
    said = [f"row {datasets[second].ids[places[second][key][0]]} is row {datasets[first].ids[places[first][key][0]]}"
            for key in both]
    level = "note" if count <= max(0.02 * total, 3) else "warning"
    level = "error" if count > GROSS * total and total >= ENOUGH else level
    whole = "; they are nearly the same table" if count > 0.9 * total else ""
    return [Finding(level, "splits-overlap", f"{count} of {total} reviews of {second} are in {first} too{whole}",
                    f"take them out of {first}", **of_some(said) | {"count": count})]


def _runs(text: str) -> set[int]:
    words = re.findall(r"\w+", text.casefold())
    return {hash(tuple(words[i : i + RUN])) for i in range(len(words) - RUN + 1)}


def _nearly(datasets: dict[str, ReviewDataset], places: dict[str, dict[str, list[int]]]) -> list[Finding]:
    """Reviews of which all but a few words stand in training: edited or cut copies. UIT-ViSFD has 0.5 %."""
    train = set().union(*(_runs(review.text) for review in datasets["train"].reviews))
    findings = []
    for split, dataset in datasets.items():
        near = []
        for review in dataset.reviews if split != "train" else []:
            runs = _runs(review.text)
            if len(runs) > RUN and len(runs & train) >= NEARLY * len(runs):
                if key_of(review.text) not in places["train"]:
                    near.append(f"row {review.id}: {review.text[:50]!r}")
        if len(near) > max(0.03 * len(dataset), 10):
            findings.append(Finding("warning", "splits-overlap-nearly", f"{len(near)} of {len(dataset)} reviews of "
                                    f"{split} are in train too but for a few words", "take them out of train",
                                    **of_some(near)))
    return findings
