"""Frames whose rows are not where they belong: fields torn apart, one picture twice, rows read with a wrong stride."""

from collections.abc import Iterator

import numpy as np

from dataloaders.audit.clips.glances import Glance
from dataloaders.audit.clips.shortcuts import SMALLEST
from dataloaders.audit.clips.view import View
from utils.findings import Finding, of_some

HALVES, ROWS = 0.3, 1.0  # how far halves are apart, of quarters and of neighbouring rows; of photographs 2 rows or more
PLAIN = 4.0  # grey levels between quarters, below which halves are alike by chance
MOVED = 0.6  # share of a frame's rows; of photographs 0.1
FEWEST_ROWS = 80  # of a frame: few and smooth ones may agree by chance
SHARE, FEWEST = 0.05, 3  # of a split's clips


def check_broken(view: View, glances: list[Glance]) -> Iterator[Finding]:
    glances = [one for one in glances if min(one.size) >= SMALLEST]
    for name in view.splits:
        own = [one for one in glances if one.split == name]
        torn, slanted = [one for one in own if _twice(one)], [one for one in own if _slanted(one)]
        for clips, key, said in (
                (torn, "frames-torn", "show one picture twice, in halves: fields that were torn apart, or both eyes' "
                 "views"),
                (slanted, "frames-slanted", "have each row moved against the one above: they were read with a wrong "
                 "width")):
            if len(clips) >= max(SHARE * len(own), FEWEST):
                yield Finding("warning", key, f"{len(clips)} of {len(own)} clips of {name} that were looked at {said}",
                              "decode them again from their source", **of_some(one.clip.id for one in clips))


def _twice(one: Glance) -> bool:
    grey = one.frame.astype(np.float32).mean(-1)
    return _halves_alike(grey) or _halves_alike(grey.T)


def _halves_alike(grey: np.ndarray) -> bool:
    half, quarter = len(grey) // 2, len(grey) // 4
    halves, quarters, rows = (float(np.abs(grey[step:][: len(grey) - half] - grey[:-step][: len(grey) - half]).mean())
                              for step in (half, quarter, 1))
    return quarters > PLAIN and halves < min(HALVES * quarters, ROWS * rows)


def _slanted(one: Glance) -> bool:
    """Most rows are like those below when these are moved sideways, all by as much."""
    return len(one.centre) >= FEWEST_ROWS and moved_rows(one.centre) > MOVED


def moved_rows(frame: np.ndarray) -> float:
    """Share of the rows of which one and the same shift, not 0, makes them most like the next."""
    steps = np.diff(frame[..., 1].astype(np.float32), axis=1)  # green
    waves = np.fft.rfft(steps - steps.mean(1, keepdims=True), axis=1)
    likeness = np.fft.irfft(waves[1:] * waves[:-1].conj(), n=steps.shape[1], axis=1)  # (rows - 1, shifts)
    best = likeness.argmax(1)[likeness.max(1) > 1.0]
    return float(np.bincount(best, minlength=2)[1:].max() / len(likeness))
