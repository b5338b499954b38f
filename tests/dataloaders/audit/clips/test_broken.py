"""Frames whose rows are out of place are named; frames that are alike in halves, or have slanting lines, are not."""

import numpy as np
import pytest

from dataloaders.audit.clips.broken import check_broken
from tests.dataloaders.audit.clips.drawn import HEIGHT, WIDTH, a_set, view_of


def grained(frame, sigma=12.0):
    return np.clip(frame + np.random.default_rng(0).normal(0, sigma, frame.shape), 0, 255).astype(np.uint8)


def torn(frame):
    return np.vstack([frame[0::2], frame[1::2]])


def side_by_side(frame):
    return np.hstack([frame[:, 0::2], frame[:, 1::2]])


def slanted(step):
    return lambda frame: np.stack([np.roll(row, place * step, 0) for place, row in enumerate(grained(frame, 1.0))])


def mirrored_in_itself(frame):
    return np.vstack([frame[: HEIGHT // 2], frame[: HEIGHT // 2][::-1]])


def rays(frame):
    frame = frame.copy()
    for place in range(0, WIDTH, 16):
        for row in range(HEIGHT):
            frame[row, (place + row // 2) % WIDTH] = 255
    return frame


def found(change, split="train", seed=3):
    third = iter(range(1000))
    glances = a_set(seed, (("train", 9), ("val", 9)), change=lambda own, _: (
        change if own == split and next(third) % 3 == 0 else None))
    return {finding.name: finding for finding in check_broken(view_of("train", "val"), glances)}


@pytest.mark.parametrize("change, name", [(torn, "frames-torn"), (side_by_side, "frames-torn"),
                                          (slanted(1), "frames-slanted"), (slanted(-3), "frames-slanted"),
                                          (slanted(16), "frames-slanted")])
@pytest.mark.parametrize("split", ["train", "val"])
def test_a_third_of_the_clips_is_broken(change, name, split):
    finding = found(change, split)[name]
    assert finding.level == "warning" and finding.text.startswith(f"12 of 36 clips of {split} ")


@pytest.mark.parametrize("change", [
    lambda frame: frame, mirrored_in_itself, rays, lambda frame: 0 * frame + 90, grained,
    lambda frame: np.repeat(frame[:1], HEIGHT, 0),  # stripes: halves are alike, and so are quarters
    lambda frame: np.random.default_rng(int(frame.sum())).integers(0, 256, frame.shape).astype(np.uint8)])
def test_odd_pictures_that_are_whole(change):
    assert found(change) == {}
