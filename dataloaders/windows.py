"""A sliding window over a stream: each place of it is a clip, cut and sampled as the clips of a data set are."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from dataloaders.boxes import Box
from dataloaders.crops import cut, face_region, letterbox, resize
from dataloaders.sampling import tsn_indices
from dataloaders.stream import Moment
from utils.config import ClipDataConfig
from utils.structures import Batch

MOST_FRAMES = 256  # that a window holds; of a longer or faster one, frames at even distances
PICTURE_HEIGHT, PICTURE_WIDTH = 120, 480  # pixels, at most


@dataclass(frozen=True)
class Shot:
    """A frame, cut. `box` is that of the face, in pixels of the file, and `step` what the face stream was cut by."""

    number: int
    time: float
    face: np.ndarray  # (S, S, 3)
    context: np.ndarray | None  # (S, S, 3)
    picture: np.ndarray  # the whole frame, small
    box: Box | None
    step: str


@dataclass(frozen=True)
class Window:
    """What is seen from `start` to `end`, in seconds. `shots` are the T frames that the network gets."""

    start: float
    end: float
    shots: list[Shot]
    boxes: float  # share of all its frames whose face has a box

    @property
    def middle(self) -> Shot:
        return self.shots[len(self.shots) // 2]


def cut_frames(frames: Iterable[tuple[Moment, Box | None]], config: ClipDataConfig) -> Iterator[Shot]:
    """Frames with boxes in their own pixels become what the network sees of them, by the run's own settings.

    A frame without a box is cut at its centre where training left such clips out.
    """
    missing = "centre" if config.missing_box == "error" else config.missing_box
    for moment, box in frames:
        pixels, size = moment.pixels, config.image_size
        height, width = pixels.shape[:2]
        region, step = face_region(box, height, width, config.box_margin, config.centre_crop, missing)
        context = letterbox(pixels, size) if config.streams == "both" else None
        scale = min(PICTURE_HEIGHT / height, PICTURE_WIDTH / width)
        picture = resize(pixels, max(round(width * scale), 1), max(round(height * scale), 1))
        in_file = tuple(side * moment.scale for side in box) if box else None
        yield Shot(moment.number, moment.time, cut(pixels, region, size), context, picture, in_file, step)


def slide(shots: Iterable[Shot], length: float, stride: float, config: ClipDataConfig) -> Iterator[Window]:
    """Windows of `length` seconds, one every `stride` seconds.

    The frames of each are drawn from those with a box, if there are any. The last window is shorter, so that the end is
    seen too; a source that is shorter than a window is one. Places with no frame in them are left out.
    """
    held: deque[Shot] = deque()
    number, seen = 0, -1.0  # of the window that is being filled; the time up to which frames were in a window
    for shot in shots:
        while shot.time >= number * stride + length:
            yield from _window(number, stride, held, number * stride + length, config)
            seen = held[-1].time if held else seen
            number += 1
            while held and held[0].time < number * stride:
                held.popleft()
            if not held:  # a source may jump by days
                number = max(number, math.floor((shot.time - length) / stride) + 1)
        between = stride > length and shot.time < number * stride  # two windows; else a rounded seam would lose it
        if not between and (not held or shot.time - held[-1].time >= length / MOST_FRAMES):
            held.append(shot)
    if held and held[-1].time > seen:
        yield from _window(number, stride, held, held[-1].time, config)


def _window(number: int, stride: float, held: deque[Shot], end: float, config: ClipDataConfig) -> Iterator[Window]:
    if held:
        with_box = [shot for shot in held if shot.box]
        seen = with_box or held  # where a face was found, what has none says nothing of it
        chosen = tsn_indices(len(seen), config.num_segments, config.duration, None)
        yield Window(number * stride, end, [seen[place] for place in chosen], len(with_box) / len(held))


def batches(windows: Iterable[Window], size: int) -> Iterator[tuple[list[Window], Batch]]:
    """Up to `size` windows at a time, and what the network gets of them."""
    windows = iter(windows)
    while chosen := list(islice(windows, size)):
        yield chosen, Batch(
            targets=torch.full((len(chosen),), -1), ids=[f"{window.start:.2f} s" for window in chosen],
            face=_stacked([[shot.face for shot in window.shots] for window in chosen]),
            context=(None if chosen[0].shots[0].context is None else
                     _stacked([[shot.context for shot in window.shots] for window in chosen])),
        )


def _stacked(frames: list[list[np.ndarray]]) -> Tensor:
    """B lists of T frames (S, S, 3) -> (B, T, 3, S, S)"""
    return torch.from_numpy(np.stack([np.stack(of_window) for of_window in frames]).transpose(0, 1, 4, 2, 3).copy())
