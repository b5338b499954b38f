"""Frames and boxes in time: frames that repeat or are out of order, boxes that run behind what they follow."""

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from dataloaders.audit.clips.expected import Box, inside, see
from dataloaders.audit.clips.looks import table_of
from dataloaders.audit.clips.reading import read_image
from dataloaders.audit.clips.view import Split, View, files_of, where
from dataloaders.clips import IMAGE, Clip
from utils.findings import Finding, of_some

CLIPS, FRAMES, SIDE = 4, 16, 24  # of a split; in a row, from the clip's start; pixels that are compared
SECONDS, FEWEST = 2.0, 2  # of a quick audit, but at least so many clips of a split
SAME, STILL = 0.4, 1.0  # grey levels between frames: of one frame twice; between any of a clip, if it moves
OFTEN = 0.3  # of a clip's frames
JUMBLED, KIN = 0.85, 0.7  # of the distance of any two frames: what neighbours' is in jumbled clips; the nearest's
LEAPS, LEAP = 6, 0.2  # clips; mean logarithm: sound clips have -0.3, those whose names were sorted 0.5
LAGS, FLEETING, BETTER = range(-8, 9), 0.4, 0.6  # frames; path of a box in its own sides; change that is left


def check_tracks(view: View) -> Iterator[Finding]:
    table, lags, begun = table_of(view, view.config.data.bounding_box_face), [], time.monotonic()
    leaps = []
    for split in view.splits.values():
        again, jumbled, number = [], [], 0
        for clip in _chosen(split):
            if not view.full and number >= FEWEST and time.monotonic() - begun > SECONDS:
                break
            with view.reading(clip):
                frames, numbers = _frames(clip.path)
            if len(frames) < 8:
                continue
            number += 1
            steps = _steps(frames)
            if steps.max() > STILL and (steps < SAME).mean() > OFTEN and _paced(steps):
                again.append(where(split, clip))
            if (leap := _leap_of_names(clip.path, frames, numbers)) is not None:
                leaps.append((leap, where(split, clip)))
            if _out_of_order(frames):
                jumbled.append(where(split, clip))
            boxes = table.frames(key) if table and (key := table.key(clip.id)) else {}
            if (lag := _lag(frames, numbers, boxes)) is not None:
                lags.append((lag, where(split, clip)))
        if len(again) > max(number / 2, 1):
            yield Finding("warning", "frames-twice", f"{split.name}: clips show each frame twice or more often: their "
                          "rate was changed", "extract the frames at the rate of the source", **of_some(again))
        if len(jumbled) > max(number / 2, 1):
            yield Finding("warning", "frames-jump", f"{split.name}: frames of clips are nearer to later ones than to "
                          "the next: they are out of order", "extract the frames again", **of_some(jumbled))
    yield from _tell_lag(lags)
    late = [name for leap, name in leaps if leap > 0]
    if len(leaps) >= LEAPS and np.mean([leap for leap, _ in leaps]) > LEAP and len(late) > 0.8 * len(leaps):
        yield Finding("warning", "frames-numbered-by-name", f"frames of {len(late)} of {len(leaps)} clips leap where "
                      "an order of names (1, 10, 11, ..., 2) does: they were numbered after such a sort",
                      "number them in the order of time", **of_some(late))


def _tell_lag(lags: list[tuple[int, str]]) -> Iterator[Finding]:
    off = [(lag, name) for lag, name in lags if abs(lag) > 1]
    if len(off) >= 3 and len(off) > len(lags) / 2:
        middle = float(np.median([lag for lag, _ in off]))
        yield Finding("warning", "face-boxes-late", f"face boxes of {len(off)} of {len(lags)} clips with moving boxes "
                      f"follow better what is shown {abs(middle):.0f} frames {'earlier' if middle > 0 else 'later'}",
                      "check how frames are numbered, and at which rate boxes were made",
                      **of_some(name for _, name in off))


def _chosen(split: Split) -> list[Clip]:
    clips = [clip for clip in split.present if clip.path.is_dir() or clip.path.suffix.lower() not in IMAGE]
    return [clips[place] for place in np.linspace(0, len(clips) - 1, min(CLIPS, len(clips))).astype(int)]


def _frames(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """The first ones, RGB, and their numbers."""
    try:
        if path.is_dir():
            files = files_of(path)[:FRAMES]
            digits = ["".join(c if c.isdigit() else " " for c in file.stem).split() for file in files]
            return [read_image(file) for file in files], [int(found[-1]) if found else n
                                                          for n, found in enumerate(digits)]
    except (OSError, ValueError, SyntaxError):
        return [], []
    capture, frames = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), []
    while len(frames) < FRAMES and (read := capture.read())[0]:
        frames.append(read[1][..., ::-1])
    capture.release()
    return frames, list(range(len(frames)))


def _steps(frames: list[np.ndarray]) -> np.ndarray:
    """(T - 1,) mean differences of neighbours, on every third pixel."""
    if len({frame.shape for frame in frames}) > 1:
        return np.zeros(1)
    table = np.stack([frame[::3, ::3] for frame in frames]).astype(np.int16)
    return np.abs(np.diff(table, axis=0)).mean((1, 2, 3))


def _paced(steps: np.ndarray) -> bool:
    """Stops come regularly, one after each step or a few: a rate that was changed, and nobody who sits still."""
    moves = np.flatnonzero(steps >= SAME)
    gaps = np.diff(moves)
    return len(gaps) > 1 and np.median(gaps) > 1 and (np.abs(gaps - np.median(gaps)) <= 1).mean() > 0.8


def _out_of_order(frames: list[np.ndarray]) -> bool:
    """Neighbours are no nearer to each other than any two of the clip, though it has an order in which they are."""
    if len({frame.shape for frame in frames}) > 1:
        return False
    table = np.stack([cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in frames])
    table = table.reshape(len(table), -1).astype(np.float32)
    apart = np.abs(table[:, None] - table).mean(-1)  # (T, T)
    others = apart[~np.eye(len(apart), dtype=bool)].reshape(len(apart), -1)
    nearest, typical = others.min(1).mean(), others.mean()
    return bool(typical > 1.5 and nearest < KIN * typical and np.diagonal(apart, 1).mean() > JUMBLED * typical)


def _leap_of_names(path: Path, frames: list[np.ndarray], numbers: list[int]) -> float | None:
    """By how much, as a logarithm, neighbours of an order by name are less alike than they would be in time's."""
    count = len(files_of(path)) if path.is_dir() else 0
    if numbers[0] not in (0, 1) or not 11 <= count or len({frame.shape for frame in frames}) > 1:
        return None
    said = sorted(range(numbers[0], numbers[0] + count), key=str)[: len(frames)]  # what each was, if names sorted them
    place = {number: n for n, number in enumerate(said)}
    leaps = [(n, n + 1) for n in range(len(said) - 1) if abs(said[n + 1] - said[n]) > 1]
    steps = [(place[n], place[n + 1]) for n in place if n + 1 in place and abs(place[n + 1] - place[n]) > 1]
    if not leaps or not steps:
        return None
    table = np.stack([frame[::3, ::3] for frame in frames]).astype(np.int16)
    apart, near = (np.mean([np.abs(table[a] - table[b]).mean() for a, b in pairs]) for pairs in (leaps, steps))
    return float(np.log((apart + SAME) / (near + SAME)))


def _lag(frames: list[np.ndarray], numbers: list[int], boxes: dict[int | None, Box]) -> int | None:
    """By how many frames boxes must be moved for their content to change least; None where they hardly move."""
    places = {number: place for place, number in enumerate(numbers)}
    if None in boxes or len(boxes.keys() & places.keys()) < 8:
        return None
    track = np.array([boxes[number] for number in sorted(boxes.keys() & places.keys())])
    if np.ptp((track[:, :2] + track[:, 2:]) / 2, axis=0).max() < FLEETING * (track[:, 2:] - track[:, :2]).mean():
        return None
    left = {lag: ratio for lag in LAGS if (ratio := _left(frames, places, boxes, lag)) is not None}
    best = min(left, key=lambda lag: (left[lag], abs(lag)), default=0)
    return best if left and left[best] < BETTER else 0


def _left(frames: list[np.ndarray], places: dict[int, int], boxes: dict[int, Box], lag: int) -> float | None:
    """What moving the boxes leaves of the change of their content, in the same frames."""
    both = [n for n in sorted(places) if n in boxes and n + lag in boxes]
    if len(both) < 4:
        return None
    changes = []
    for step in (lag, 0):
        seen = [(frames[places[n]], boxes[n + step]) for n in (both[0], both[len(both) // 2], both[-1])]
        if not all(inside(box, frame.shape[1], frame.shape[0]) for frame, box in seen):
            return None
        crops = [see(*one, SIDE) for one in seen]
        if any(crop is None for crop in crops):
            return None
        pictures = np.stack(crops).astype(np.int16)
        changes.append(float(np.abs(pictures - pictures[[1, 2, 0]]).mean()) + 0.5)
    return changes[0] / changes[1]
