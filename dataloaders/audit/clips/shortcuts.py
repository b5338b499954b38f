"""What gives a class or a split away without a look at what is shown: codec, rate, border, sharpness, a mark."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import cv2
import numpy as np
from scipy.ndimage import label as components

from dataloaders.audit.clips.glances import Glance
from dataloaders.audit.clips.view import View
from utils.findings import Finding, of_some

LEAST, OTHERS = 4, 12  # glances of a group, and of the rest, from which is judged
SMALLEST = 32  # pixels of a frame's shorter side: digits of 8 x 8 have bare corners of their own
# By how much a group's middle must differ from the rest's, in the trait's own unit.
APART = {"brightness": 30.0, "contrast": 18.0, "colour": 25.0, "red against blue": 35.0, "sharpness (log 2)": 0.9,
         "combing (log 2)": 0.6, "upper and lower border": 60.0, "left and right border": 60.0,
         "bits per pixel (log 2)": 0.8, "number of frames (log 2)": 0.9}
SCATTERS = 3.0  # and in the wider of both groups' scatters
TELEVISION, AROUND = (16.0, 235.0), 6.0  # darkest and lightest grey level; how near to them a group's are
OFTEN, MANY = 0.3, 30  # share of the rest that goes beyond; clips of the group
STEADY, AWAY, CELLS = 8.0, 40.0, 12  # grey levels of a mark within its class, and from the rest; its cells
SIDE = 64  # cells to a side of the frame


def check_shortcuts(view: View, glances: list[Glance]) -> Iterator[Finding]:
    glances = [one for one in glances if min(one.size) >= SMALLEST]
    train = [one for one in glances if one.split == "train"]
    for label in sorted({one.clip.label for one in train}) if view.splits["train"].labelled else ():
        group, rest = _parted(train, lambda one, label=label: one.clip.label == label)
        if len(group) >= LEAST and len(rest) >= OTHERS:
            said = [*_kinds(group, rest), *_traits(group, rest), *_range(group, rest), *_mark(group, rest)]
            if said:
                yield Finding("warning", "class-shortcut", f"clips of {view.name_of(label)} can be told from others "
                              f"by their {said[0][0]} alone ({said[0][1]}): a network may learn that",
                              "bring the clips of all classes into one form",
                              **of_some(one.clip.id for one in group) | {"count": len(said)})
    forms = [finding for name in view.splits if name != "train" for finding in _form(name, glances)]
    yield from forms or (_form("train", glances) if len(view.splits) > 2 else ())


def _form(name: str, glances: list[Glance]) -> Iterator[Finding]:
    """In what a split differs from the others."""
    group, rest = _parted(glances, lambda one: one.split == name)
    if len(group) >= LEAST and len(rest) >= OTHERS:
        for trait, how in (*_kinds(group, rest, ("frames a second",)), *_traits(group, rest), *_range(group, rest)):
            yield Finding("warning", "split-of-another-form", f"{name} differs from the other splits in its {trait} "
                          f"({how})", "prepare all splits in the same way", **of_some(one.clip.id for one in group))


def _parted(glances: list[Glance], chosen) -> tuple[list[Glance], list[Glance]]:
    parts = defaultdict(list)
    for one in glances:
        parts[bool(chosen(one))].append(one)
    return parts[True], parts[False]


def _kinds(group: list[Glance], rest: list[Glance], names=("codec", "frames a second")) -> Iterator[tuple[str, str]]:
    for name in names:
        (value, number), = Counter(one.kind.get(name) for one in group).most_common(1)
        elsewhere = Counter(one.kind.get(name) for one in rest)
        if value and number >= 0.9 * len(group) and elsewhere[value] <= 0.05 * len(rest):
            yield name, f"{value}, {elsewhere.most_common(1)[0][0]} elsewhere"


def _traits(group: list[Glance], rest: list[Glance]) -> Iterator[tuple[str, str]]:
    for name, least in APART.items():
        ours, theirs = (np.array([one.traits[name] for one in part if name in one.traits]) for part in (group, rest))
        if len(ours) < LEAST or len(theirs) < OTHERS:
            continue
        one, other = float(np.median(ours)), float(np.median(theirs))
        scatter = max(np.median(np.abs(ours - one)), np.median(np.abs(theirs - other)))
        sign = np.sign(one - other)
        clear = np.quantile(sign * ours, 0.15) > np.quantile(sign * theirs, 0.97)
        if abs(one - other) > max(least, SCATTERS * scatter) and clear:
            yield name, f"{one:.1f}, {other:.1f} elsewhere"


def _range(group: list[Glance], rest: list[Glance]) -> Iterator[tuple[str, str]]:
    """Grey levels of television, 16 to 235, in all of the group and up to both ends; the rest go beyond."""
    ours, theirs = (np.array([(one.traits["darkest"], one.traits["lightest"]) for one in part]).T
                    for part in (group, rest))
    low, high = TELEVISION
    beyond = ((theirs[0] < low - AROUND) | (theirs[1] > high + AROUND)).mean()
    ends = abs(ours[0].min() - low) < AROUND and abs(ours[1].max() - high) < AROUND
    if len(group) >= MANY and beyond > OFTEN and ends:
        yield "range of grey levels", f"{ours[0].min():.0f} to {ours[1].max():.0f}, {beyond:.0%} go beyond elsewhere"


def _mark(group: list[Glance], rest: list[Glance]) -> Iterator[tuple[str, str]]:
    """A place of the frame that looks the same throughout the class and never so elsewhere: a logo, a caption."""
    ours = _cells(group)
    middle = np.median(ours, axis=0)  # (64, 64, 3)
    off = np.abs(ours - middle)
    here = (np.median(off, axis=0).max(-1) < STEADY) & ((off.max(-1) < 3 * STEADY).mean(0) > 0.9)
    if here.sum() < CELLS:
        return
    away = np.abs(_cells(rest)[:, here] - middle[here]).max(-1)  # (N, cells)
    here[here] = (np.median(away, axis=0) > AWAY) & ((away < 2 * STEADY).mean(0) < 0.05)
    places, number = components(here)
    sizes = np.bincount(places.ravel())[1:]
    if number and sizes.max() >= CELLS:
        down, across = np.argwhere(places == sizes.argmax() + 1).mean(0) / SIDE
        yield "mark", f"about {across:.0%} of the width from the left and {down:.0%} of the height from above"


def _cells(glances: list[Glance]) -> np.ndarray:
    """(N, 64, 64, 3)"""
    return np.stack([cv2.resize(one.frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
                     for one in glances]).astype(np.float32)
