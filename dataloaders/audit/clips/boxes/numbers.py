"""Whether a box's numbers are pixels of its frame, and what shows in many boxes only."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import permutations

import numpy as np

from dataloaders.audit.clips.boxes.spot import LEAST, SOME, Spot
from dataloaders.audit.clips.expected import inside
from utils.findings import Finding, of_some

SAME = 0.15  # of boxes that are one and the same, or the whole frame: what a detector writes where it finds nothing
SMALL = 8  # pixels
SMALLER, ALIKE, MANY = 0.8, 1.15, 20  # factors between two splits' boxes, and of these factors; boxes of a split


def check_numbers(kind: str, spots: list[Spot]) -> Iterator[Finding]:
    if not spots:
        return
    boxes = np.array([spot.box for spot in spots], float)  # (N, 4)
    frame = np.array([[spot.width, spot.height] for spot in spots], float)  # (N, 2)
    size, centre = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
    remedy = "write [x1, y1, x2, y2] in pixels of the frames as they are"

    def names(which) -> dict:
        return of_some(f"{spots[place].clip.id} {[round(v, 1) for v in spots[place].box]} in {spots[place].width} x "
                       f"{spots[place].height}" for place in np.flatnonzero(which))

    relative = (np.abs(boxes) <= 2).all(1) & (frame > 16).all(1)
    if relative.mean() > SOME:
        yield Finding("error", f"{kind}-boxes-relative", f"{kind} boxes are shares of the frame, not pixels", remedy,
                      **names(relative))
        return
    inverted = (size <= 0).any(1)
    turned = _as_corner_and_size(boxes, frame)
    if inverted.mean() > SOME or turned:
        yield Finding("error", f"{kind}-boxes-inverted", f"{kind} boxes have x2 <= x1 or y2 <= y1, or are [x, y, "
                      "width, height]", remedy, **names(inverted if inverted.any() else inverted | True))
        return
    if inverted.any():
        yield Finding("warning", f"{kind}-boxes-inverted", f"{kind} boxes have x2 <= x1 or y2 <= y1", remedy,
                      **names(inverted))
    astray = ((centre < 0) | (centre > frame)).any(1)
    outside = np.array([not inside(spot.box, spot.width, spot.height) for spot in spots]) & ~inverted
    over, over_if_swapped = ((boxes[:, order] > 1.02 * frame).any(1) for order in ([2, 3], [3, 2]))
    swapped = len(spots) >= LEAST and over.mean() > SOME and over_if_swapped.mean() < SOME / 4
    if swapped:
        astray |= over
    if (astray | outside).any():
        share = (astray | outside).mean()
        level = "error" if share > SOME else "warning" if outside.any() else "note"
        yield Finding(level, f"{kind}-boxes-outside", f"{kind} boxes lie outside their frames"
                      + (": x and y are swapped, it seems" if swapped else ""), remedy, **names(astray | outside))
    small = (size < SMALL).any(1) & ~inverted & (frame >= 8 * SMALL).all(1)
    if small.any():
        yield Finding("warning" if small.mean() > SOME else "note", f"{kind}-boxes-tiny",
                      f"{kind} boxes are under {SMALL} pixels wide or high", remedy, **names(small))
    yield from _together(kind, spots, boxes, frame, size, centre, remedy)


def _as_corner_and_size(boxes: np.ndarray, frame: np.ndarray) -> bool:
    """Whether the last two numbers are a width and a height: these are nearly equal, and the corners' distances not."""
    if len(boxes) < LEAST or (boxes[:, 2:] <= 0).any():
        return False

    def spread(pairs: np.ndarray) -> float:
        wide, high = np.maximum(pairs, 1).T
        return float(np.median(np.abs(np.log(wide / high))))

    return bool(spread(boxes[:, 2:]) < 0.2 and spread(boxes[:, 2:] - boxes[:, :2]) > 0.6)


def _together(kind: str, spots: list[Spot], boxes, frame, size, centre, remedy: str) -> Iterator[Finding]:
    """What shows in many boxes only."""
    if len(spots) < LEAST:
        return
    covers = ((boxes[:, :2] <= 0.02 * frame) & (boxes[:, 2:] >= 0.98 * frame)).all(1)
    if kind == "face" and covers.sum() >= LEAST and covers.mean() > SAME:
        yield Finding("warning", "face-boxes-whole-frame", f"{covers.sum()} of {len(spots)} face boxes are the whole "
                      "frame", "check the detector's output",
                      **of_some(spots[place].clip.id for place in np.flatnonzero(covers)))
        return
    commonest, times = Counter(spot.box for spot in spots).most_common(1)[0]
    if times >= LEAST and times > SAME * len(spots):
        yield Finding("warning", f"{kind}-boxes-identical", f"{times} of {len(spots)} {kind} boxes are the same",
                      "check the detector's output", times, str(list(commonest)))
        return
    reach, middle = np.quantile(boxes[:, 2:] / frame, 0.98, axis=0), np.mean(centre / frame, axis=0)
    if (reach < 0.72).all() and (middle < 0.4).all():
        yield Finding("warning", f"{kind}-boxes-in-a-corner", f"{kind} boxes lie in the upper left of their frames, "
                      f"within {reach[0]:.0%} of the width and {reach[1]:.0%} of the height: they are of smaller "
                      "frames, it seems", remedy, len(spots), f"{spots[0].clip.id} {list(spots[0].box)}")
    yield from _by_split(kind, spots, size, centre, frame)


def _by_split(kind: str, spots: list[Spot], size, centre, frame) -> Iterator[Finding]:
    """One split's boxes of another size; or all of their numbers smaller by one factor."""
    by_split = defaultdict(list)
    for spot, wide, middle, (width, height) in zip(spots, size.max(1), centre, frame):
        by_split[spot.split].append([np.log(max(wide, 1) / min(width, height)),
                                     *np.log(np.maximum(middle, 1) / (width, height))])
    groups = {name: np.median(found, axis=0) for name, found in by_split.items() if len(found) >= LEAST}
    middles = {name: middle[0] for name, middle in groups.items()}
    if middles and max(middles.values()) - min(middles.values()) > np.log(2):
        low, high = min(middles, key=middles.get), max(middles, key=middles.get)
        yield Finding("warning", f"{kind}-boxes-of-another-size", f"{kind} boxes are {np.exp(middles[high]):.0%} of "
                      f"the frame's shorter side in {high}, and {np.exp(middles[low]):.0%} in {low}",
                      "use one detector and one resolution for all splits", example=low)
        return
    for low, high in permutations(groups, 2):
        factors = groups[low] - groups[high]  # of size, x and y
        if factors.max() < np.log(SMALLER) and np.ptp(factors) < np.log(ALIKE) and len(by_split[low]) >= MANY:
            yield Finding("warning", f"{kind}-boxes-of-another-size", f"sizes and places of {kind} boxes in {low} are "
                          f"{np.exp(factors.mean()):.0%} of those in {high}: they are of smaller frames, it seems",
                          "write boxes in pixels of the frames as they are", example=low)
            return
