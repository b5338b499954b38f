"""Numbers of boxes, drawn: those of a part of the boxes, or of one split, that are of another frame are named."""

from pathlib import Path

import numpy as np
import pytest

from dataloaders.audit.clips.boxes.numbers import check_numbers
from dataloaders.audit.clips.boxes.spot import Spot
from dataloaders.clips import Clip

WIDTH, HEIGHT = 160, 120


def found(change=lambda place, split, box: box, seed=0, low=0.3, high=0.6) -> dict:
    """Of 60 boxes of train and 30 of val and test each; a face is 30 to 60 % as high as its frame."""
    stream, spots = np.random.default_rng(seed), []
    for split, number in (("train", 60), ("val", 30), ("test", 30)):
        for place in range(number):
            side = stream.uniform(low, high) * HEIGHT
            x, y = stream.uniform(0, WIDTH - side), stream.uniform(0, HEIGHT - side)
            box = tuple(change(place, split, (x, y, x + side, y + side)))
            spots.append(Spot(Clip(f"{split}/{place}", Path(split), 0), split, box, WIDTH, HEIGHT))
    return {finding.name: finding for finding in check_numbers("face", spots) if finding.level != "note"}


@pytest.mark.parametrize("seed", range(5))
def test_sound_boxes_raise_nothing(seed):
    assert found(seed=seed) == {} and found(seed=seed, low=0.1, high=0.3) == {}
    assert found(lambda place, split, box: (box[0], box[1], box[2] + 4, box[3] + 4), seed) == {}  # over the edge, a bit


def test_x_and_y_are_swapped_in_faces_near_the_middle():
    def swapped(place, split, box):
        x1, x2 = (0.8 * x + 16 for x in (box[0], box[2]))
        return box[1], x1, box[3], x2

    finding = found(swapped)["face-boxes-outside"]
    assert finding.level == "error" and "x and y are swapped" in finding.text


def test_a_third_of_the_boxes_is_the_frame():
    boxes = found(lambda place, split, box: (0, 0, WIDTH, HEIGHT) if place % 3 == 0 else box)
    finding = boxes["face-boxes-whole-frame"]
    assert (finding.level, finding.count) == ("warning", 40) and "40 of 120" in finding.text


def test_frames_that_are_filled_by_faces():
    assert found(lambda place, split, box: (0, 0, WIDTH, HEIGHT) if place == 0 else box) == {}  # 3 of 120
    close = found(lambda place, split, box: (2, 1, WIDTH - 3, HEIGHT) if place % 3 else (0, 0, WIDTH, HEIGHT))
    assert "40 of 120" not in str(close)


@pytest.mark.parametrize("factor", [0.6, 0.7])
def test_boxes_of_smaller_frames_in_one_split(factor):
    boxes = found(lambda place, split, box: [factor * side for side in box] if split == "test" else box)
    assert "in test are" in boxes["face-boxes-of-another-size"].text and len(boxes) == 1


def test_smaller_faces_and_faces_elsewhere_are_no_smaller_frames():
    def half(place, split, box):
        x, y, side = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) * 0.7 / 2
        return (x - side, y - side, x + side, y + side) if split == "test" else box

    assert found(half) == {}
    assert found(lambda place, split, box: [side * 0.65 if n % 2 == 0 else side for n, side in enumerate(box)]
                 if split == "test" else box) == {}
