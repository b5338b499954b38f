"""Whether boxes hold something that other places of the frames do not: boxes of other clips do not."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import rankdata

from dataloaders.audit.clips.expected import Box, see
from dataloaders.audit.clips.glances import Glance, within
from dataloaders.audit.clips.ridge import features, leave_out
from dataloaders.audit.clips.view import View
from utils.findings import Finding, of_some

SIDE = 8
LEAST, PART = 30, 10  # clips whose box has a counterpart elsewhere: in all, and in a split or class
TOLD, GUESSED = 0.85, 0.6  # area under the ROC curve of boxes against other places: sound; no better than a guess
OVERLAP = 0.25  # of two boxes, at most, to be of two places
MOST, SURE = 300, 0.95  # clips; area from which a change has put boxes right

WAYS = {
    "mirrored": lambda box, width, height: (width - box[2], box[1], width - box[0], box[3]),
    "upside down": lambda box, width, height: (box[0], height - box[3], box[2], height - box[1]),
    "[y1, x1, y2, x2]": lambda box, width, height: (box[1], box[0], box[3], box[2]),
    "those of frames twice as large": lambda box, width, height: tuple(side / 2 for side in box),
    "those of frames half as large": lambda box, width, height: tuple(side * 2 for side in box),
}


def check_box_sense(view: View, glances: list[Glance]) -> Iterator[Finding]:
    pairs = list(_pairs(_boxed(glances), lambda one: one.box))
    if len(pairs) < LEAST:
        return
    ours, theirs = _told(pairs)
    area = _area(ours, theirs)
    for way, change in WAYS.items() if area < TOLD else ():
        changed = list(_pairs(_boxed(glances), lambda one, change=change: change(one.box, *one.size)))
        if len(changed) >= LEAST and _area(*_told(changed)) > max(SURE, area + 0.1):
            yield Finding("error", "face-boxes-of-another-form", f"face boxes hold something when they are taken for "
                          f"{way}, and hardly as they are", "write [x1, y1, x2, y2] in pixels of the frames as they "
                          "are", **of_some(one.clip.id for one, *_ in pairs))
            return
    if area < GUESSED:
        yield Finding("warning", "face-boxes-hold-nothing", f"what face boxes hold looks no more alike than what lies "
                      f"elsewhere in the same frames (told apart with an AUC of {area:.2f}; 0.5 is a guess): are they "
                      "of these clips?", "look at the contact sheet; make the boxes anew", **of_some(
                          one.clip.id for one, *_ in pairs))
        return
    groups = defaultdict(list)
    for place, (one, *_) in enumerate(pairs):
        groups[one.split].append(place)
        if one.split == "train" and view.splits["train"].labelled:
            groups[f"train's {view.name_of(one.clip.label)}"].append(place)
    for name, own in groups.items():
        part = _area(ours[own], theirs)
        if len(own) >= PART and area > TOLD - 0.1 and part < GUESSED:
            yield Finding("warning", "face-boxes-hold-nothing", f"face boxes of {name} hold what elsewhere lies beside "
                          f"boxes (AUC {part:.2f}; of all clips {area:.2f}): are they of these clips?",
                          "look at the contact sheet; make the boxes anew",
                          **of_some(pairs[place][0].clip.id for place in own))


def _area(ours: np.ndarray, theirs: np.ndarray) -> float:
    ranks = rankdata(np.concatenate([ours, theirs]))[: len(ours)]
    return float((ranks.mean() - (len(ours) + 1) / 2) / len(theirs))


def _boxed(glances: list[Glance]) -> list[Glance]:
    return [one for one in glances if one.face is not None]


def _pairs(glances: list[Glance], box_of: Callable[[Glance], Box]) -> Iterator[tuple[Glance, Box, Box]]:
    """A box, and another place of its size in the same frame that hardly meets it."""
    for one in glances[:MOST]:
        box, (width, height) = box_of(one), one.size
        wide, high = box[2] - box[0], box[3] - box[1]
        stream = np.random.default_rng([ord(letter) for letter in one.clip.id])
        for _ in range(30 * within(box, width, height)):
            x, y = stream.uniform(0, max(width - wide, 0)), stream.uniform(0, max(height - high, 0))
            other = (x, y, x + wide, y + high)
            if _overlap(other, box) < OVERLAP:
                yield one, box, other
                break


def _told(pairs: list[tuple[Glance, Box, Box]]) -> tuple[np.ndarray, np.ndarray]:
    """How much each box, and each other place, looks like the other clips' boxes."""
    crops = np.stack([_crop(one, box) for one, *boxes in pairs for box in boxes])
    places = np.arange(len(crops))
    said = leave_out(features(crops), (1.0 - 2 * (places % 2))[:, None], places // 2)[:, 0]
    return said[::2], said[1::2]


def _overlap(one: Box, other: Box) -> float:
    wide, high = (min(one[side + 2], other[side + 2]) - max(one[side], other[side]) for side in (0, 1))
    both = max(wide, 0) * max(high, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def _crop(one: Glance, box: Box) -> np.ndarray:
    x1, y1, x2, y2 = (side * one.scale for side in box)
    high, wide = one.frame.shape[:2]
    return see(one.frame, (min(x1, wide - 1), min(y1, high - 1), max(x2, 1), max(y2, 1)), SIDE)
