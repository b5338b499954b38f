"""Clips that are alike though their files differ: of two splits, encoded anew, cropped, mirrored, of one recording;
or of two classes, encoded anew."""

from collections.abc import Iterator

import cv2
import numpy as np

from dataloaders.audit.clips.expected import shrink
from dataloaders.audit.clips.glances import Glance
from dataloaders.audit.clips.reading import UnlikeError, read
from dataloaders.audit.clips.shortcuts import SMALLEST
from dataloaders.audit.clips.view import View
from dataloaders.clips import Clip
from utils.findings import Finding, of_some

SIDE, NEAR, CONTRAST = 16, 10.0, 50.0  # of the pictures compared; grey levels of a cell, and of a picture
CANDIDATES, LIKELY = 3, 0.5  # training clips that are looked at cell by cell: the best correlated ones, from there on
RARE, ENOUGH = 0.1, 64  # a cell tells something if few other clips have its colour there; how many must
ALIKE = 0.5  # share of such cells
CROPS = (0.0, 0.05, 0.1)  # cut off each edge
LOOKED, COMPARED = 60, 150  # clips of a split that are looked for; pictures that say which colours are rare
SHARE = 0.05  # of a split, from which it is told
SAME, MOVES = 2.5, 2.0  # root mean square between copies, in grey levels; how much more a clip's own frames differ
PAIRS, FEWEST = 30, 4  # of clips that are looked at in full; copies from which it is told


def check_doubles(view: View, glances: list[Glance]) -> Iterator[Finding]:
    glances = [one for one in glances if min(one.size) >= SMALLEST]  # digits of 8 x 8 are alike by chance
    train = [one for one in glances if one.split == "train" and one.thumb.std() > 8]
    for name in view.splits:
        own = [one for one in glances if one.split == name and one.thumb.std() > 8]
        if name == "train" or len(own) < 4 or len(train) < 12:
            continue
        own = spread(own, LOOKED)
        found = alike(own, train)
        told = [f"{name} {one.clip.id} and train {train[place].clip.id}" for one, place in zip(own, found)
                if place is not None]
        if len(told) > max(SHARE * len(own), 2):
            yield Finding("warning", "split-shows-training-clips", f"{len(told)} of {len(own)} clips of {name} that "
                          "were looked at show the scene of a training clip: copies that were encoded anew, cut or "
                          "mirrored, or parts of one recording", "keep what was recorded together in one split",
                          **of_some(told))


    if view.splits["train"].labelled and not view.full:  # else `overlap` compares every clip
        yield from _two_labels(view, train)


def _two_labels(view: View, train: list[Glance]) -> Iterator[Finding]:
    """Clips of two classes whose every frame is the same, though they move: of a still scene there may be two clips."""
    if len(train) < 12:
        return
    pixels = np.stack([one.thumb for one in train]).reshape(len(train), -1).astype(np.float32)
    squares = (pixels**2).sum(1)
    apart = np.sqrt((squares[:, None] + squares - 2 * pixels @ pixels.T).clip(0) / pixels.shape[1])
    labels = np.array([one.clip.label for one in train])
    apart[labels[:, None] <= labels] = np.inf  # each pair of two classes once
    pairs = [(train[one], train[other]) for one, other in np.argwhere(apart < SAME)]
    copies = [f"{one.clip.id} ({view.name_of(one.clip.label)}) and {other.clip.id} ({view.name_of(other.clip.label)})"
              for one, other in spread(pairs, PAIRS) if _same_throughout(view, one, other)]
    if len(copies) >= FEWEST:
        yield Finding("warning", "same-pictures-two-labels", f"train: of {len(pairs)} pairs of clips of two classes "
                      f"that look alike, {len(copies)} of those looked into show the same throughout",
                      "keep the right one of each", **of_some(copies))


def _same_throughout(view: View, one: Glance, other: Glance) -> bool:
    try:
        ours, theirs = (_whole_frames(view, clip.clip) for clip in (one, other))
    except UnlikeError:
        return False
    between = np.sqrt(((ours - theirs) ** 2).mean((1, 2, 3))).max()
    moves = np.sqrt(((ours - ours[[1, 2, 0]]) ** 2).mean((1, 2, 3))).max()
    return bool(between < SAME and moves > MOVES * between)


def _whole_frames(view: View, clip: Clip) -> np.ndarray:
    """(3, 16, 16, 3), evenly spaced."""
    with view.reading(clip):
        frames = read(clip.path, 3, 1).pixels
    return np.stack([shrink(frame, SIDE, SIDE) for frame in frames]).astype(np.float32)


def alike(own: list[Glance], train: list[Glance]) -> list[int | None]:
    """For each of the first the place of its look-alike in the second."""
    thumbs = [np.stack([one.thumb for one in part]) for part in (own, train)]
    everything = _small(np.stack(spread([*thumbs[0], *thumbs[1]], COMPARED)))
    forms = [(form, form(everything)) for form in (np.asarray, _even)]
    best, where = np.zeros(len(own)), np.zeros(len(own), int)
    for mirrored in (False, True):
        for ours, theirs in [(cut, 0.0) for cut in CROPS] + [(0.0, cut) for cut in CROPS[1:]]:
            scenes = _small(_cut(thumbs[1], theirs))
            pictures = _small(_cut(thumbs[0][:, :, ::-1] if mirrored else thumbs[0], ours))
            likeness = _even(pictures).reshape(len(pictures), -1) @ _even(scenes).reshape(len(scenes), -1).T
            likely = np.argsort(-likeness, axis=1)[:, :CANDIDATES]
            for place, candidates in enumerate(likely):
                if likeness[place, candidates[0]] < LIKELY * pictures[place].size * CONTRAST**2:
                    continue
                for form, others in forms:
                    score = _score(form(pictures[place][None])[0], form(scenes[candidates]), others)
                    if score.max() > best[place]:
                        best[place], where[place] = score.max(), candidates[score.argmax()]
    return [int(place) if score > ALIKE else None for score, place in zip(best, where)]


def spread(items: list, most: int) -> list:
    """At most so many, evenly through them."""
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, min(len(items), most))]


def _score(picture: np.ndarray, scenes: np.ndarray, everything: np.ndarray) -> np.ndarray:
    """Which share of the picture's cells, of those that are rare, each scene has too."""
    rare = _near(picture, everything).mean(0) < RARE
    return _near(picture, scenes)[:, rare].mean(1) if rare.sum() >= ENOUGH else np.zeros(1)


def _cut(thumbs: np.ndarray, share: float) -> np.ndarray:
    """(N, 32, 32, 3) without this share of each edge."""
    edge = round(share * thumbs.shape[1])
    return thumbs[:, edge : thumbs.shape[1] - edge, edge : thumbs.shape[2] - edge]


def _small(thumbs: np.ndarray) -> np.ndarray:
    """(N, h, w, 3) -> (N, 256, 3)"""
    return np.stack([cv2.resize(thumb.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
                     for thumb in thumbs]).reshape(len(thumbs), -1, 3)


def _even(pictures: np.ndarray) -> np.ndarray:
    """Of one brightness and contrast."""
    middle, spread = pictures.mean((1, 2), keepdims=True), pictures.std((1, 2), keepdims=True)
    return CONTRAST * (pictures - middle) / (spread + 1)


def _near(picture: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(256, 3), (N, 256, 3) -> (N, 256) bool"""
    return np.abs(others - picture).max(-1) < NEAR
