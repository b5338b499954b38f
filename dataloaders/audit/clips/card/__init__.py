"""Clips whose every pixel says its column, its row and its frame, sent through the very data set of a split.

Red grows with the column, green with the row, blue with the frame: what comes out tells which frames were taken and
where each pixel is from, whatever library or line of code went wrong on the way.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from dataloaders.audit.clips.card.drawn import REMEDY, Card, dataset_of
from dataloaders.audit.clips.card.draws import augmented, sampled
from dataloaders.audit.clips.card.places import TEXTS, wrongs_of
from dataloaders.audit.clips.view import Split, View
from dataloaders.order import Draw
from utils.findings import Finding, of_some


def check_card(view: View) -> Iterator[Finding]:
    data = view.config.data
    with tempfile.TemporaryDirectory(prefix="camxuc-") as folder:
        wanted = data.num_segments * data.duration
        card = Card(Path(folder), max(25, min(4 * wanted + 1, 101), wanted + 3))
        tested = set()
        for split in view.splits.values():
            if (kind := (type(split.dataset), split.training)) not in tested:
                tested.add(kind)
                try:
                    yield from _check(split, card)
                except Exception as error:  # whatever a broken line may raise
                    yield Finding("error", "card-fails", f"{split.name}: the test card cannot be loaded: "
                                  f"{type(error).__name__}: {error}", REMEDY)


def _check(split: Split, card: Card) -> Iterator[Finding]:
    plain = dataset_of(split, card, augment=0.0, random_erasing=0.0)
    found = {}
    for index, clip in enumerate(plain.clips[:4]):
        sample = plain[Draw(0, index, 0)]
        for name, example in wrongs_of(card, clip.path.name, sample, plain).items():
            found.setdefault(name, []).append(f"{clip.path.name}: {example}")
    for name, examples in found.items():
        yield Finding("error", name, f"{split.name}: {TEXTS[name]} on the audit's test card", REMEDY,
                      **of_some(examples))
    yield from sampled(split, card, plain)
    if split.training:
        yield from augmented(split, card)
