"""Shares of each class: few labels to learn from, a split held out."""

import numpy as np

from dataloaders.clips import Clip
from utils.seeding import SUBSET, generator


def labelled_subset(clips: list[Clip], fraction: float, seed: int) -> list[Clip]:
    """The clips at `labelled_places`."""
    return [clips[place] for place in labelled_places([clip.label for clip in clips], fraction, seed)]


def labelled_places(labels: list[int], fraction: float, seed: int) -> list[int]:
    """As many positions of each label, together the fraction of all: at least one each, and what a rare one has.

    Ascending. With one seed, what a fraction holds is part of what a larger one does; 1 holds all.
    """
    if fraction == 1:
        return list(range(len(labels)))
    by_class = shuffled_by_class(labels, seed, SUBSET)
    number = max(1, round(fraction * len(labels) / len(by_class)))
    return sorted(place for places in by_class.values() for place in places[:number])


def shuffled_by_class(labels: list[int], seed: int, use: int) -> dict[int, list[int]]:
    """The positions of each label, in an order drawn from (seed, use, label)."""
    return {label: generator(seed, use, label).permutation(np.flatnonzero(np.equal(labels, label))).tolist()
            for label in sorted(set(labels))}
