"""Shares of each class: few labels to learn from, a split held out."""

import numpy as np

from dataloaders.clips import Clip
from utils.seeding import SUBSET, generator


def labelled_subset(clips: list[Clip], fraction: float, seed: int) -> list[Clip]:
    """As many clips of each class, together the fraction of all: at least one each, and what a small class has.

    They keep their order. With one seed, what a fraction holds is part of what a larger one does; 1 holds all clips.
    """
    if fraction == 1:
        return clips
    by_class = shuffled_by_class([clip.label for clip in clips], seed, SUBSET)
    number = max(1, round(fraction * len(clips) / len(by_class)))
    chosen = {place for places in by_class.values() for place in places[:number]}
    return [clip for place, clip in enumerate(clips) if place in chosen]


def shuffled_by_class(labels: list[int], seed: int, use: int) -> dict[int, list[int]]:
    """The positions of each label, in an order drawn from (seed, use, label)."""
    return {label: generator(seed, use, label).permutation(np.flatnonzero(np.equal(labels, label))).tolist()
            for label in sorted(set(labels))}
