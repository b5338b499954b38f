"""Clips as they go on: drawn frames in which a square moves, doubled, jumbled, or with boxes that run behind."""

import numpy as np
import pytest

from dataloaders.audit.clips.tracks import _lag, _left, _out_of_order, _paced, _steps
from tests.dataloaders.audit.clips.drawn import SIDE, backdrop

FRAMES = 16


def moving(seed: int):
    """(frames, boxes by number): a square that goes across, and back a little."""
    stream = np.random.default_rng(seed)
    ground, frames, boxes = backdrop(stream), [], {}
    for number in range(FRAMES):
        x, y = 4 + 5 * number, 20 + int(12 * np.sin(number / 3))
        frame = ground.copy()
        frame[y : y + SIDE, x : x + SIDE] = (220, 60, 40)
        frames.append(np.clip(frame + stream.normal(0, 2, frame.shape), 0, 255).astype(np.uint8))
        boxes[number] = (float(x), float(y), float(x + SIDE), float(y + SIDE))
    return frames, boxes


@pytest.mark.parametrize("late", [-4, 0, 4])
def test_the_lag_of_boxes(late):
    frames, boxes = moving(0)
    given = {n: boxes[min(max(n - late, 0), FRAMES - 1)] for n in boxes}
    assert abs(_lag(frames, list(range(FRAMES)), given) - late) <= 1


def test_still_boxes_have_none():
    frames, boxes = moving(1)
    assert _lag(frames, list(range(FRAMES)), dict.fromkeys(boxes, boxes[3])) is None
    assert _lag(frames, list(range(FRAMES)), {None: boxes[3]}) is None


def test_a_box_outside_tells_nothing():
    frames, boxes = moving(2)
    away = {n: tuple(side + 900 for side in box) for n, box in boxes.items()}
    assert _left(frames, {n: n for n in range(FRAMES)}, away, 2) is None


@pytest.mark.parametrize("seed", range(3))
def test_frames_out_of_order(seed):
    frames, _ = moving(seed)
    order = np.random.default_rng(seed).permutation(FRAMES)
    assert not _out_of_order(frames) and _out_of_order([frames[place] for place in order])


def test_frames_shown_twice():
    frames, _ = moving(3)
    steps = _steps([frames[n // 2] for n in range(FRAMES)])
    assert (steps < 0.4).sum() == FRAMES // 2 and _paced(steps)
    assert not _paced(_steps(frames))
    pause = _steps([*frames[:6], *[frames[5]] * 6, *frames[6:10]])  # somebody sits still for a while
    assert not _paced(pause)
