"""Checks a whole clip: its frames, its face box and its randomness."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataloaders.demo.clip import draw_clip
from dataloaders.demo.expression import CLASSES
from dataloaders.demo.identity import draw_identity

WIDTH, HEIGHT, FRAMES = 96, 72, 5


def _clip(seed: int, emotion: str = "Happy"):
    who = draw_identity(np.random.default_rng([seed, 1]))
    return draw_clip(np.random.default_rng([seed, 2]), who, emotion, FRAMES, WIDTH, HEIGHT)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(CLASSES))
def test_box_holds_the_face_in_every_frame(seed, emotion):
    clip = _clip(seed, emotion)
    assert clip.frames.shape == (FRAMES, HEIGHT, WIDTH, 3) and clip.frames.dtype == np.uint8
    x1, y1, x2, y2 = clip.box
    slack = 0.04 * max(x2 - x1, y2 - y1)  # the box's jitter, and a little
    for pose in clip.poses:
        assert y1 - slack < pose.y - 0.6 * pose.scale and pose.y + 0.9 * pose.scale < y2 + slack
        assert x1 < pose.x - 0.5 * pose.scale and pose.x + 0.5 * pose.scale < x2
    assert y2 - y1 < 2.5 * max(pose.scale for pose in clip.poses)
    assert 0 <= x1 + slack and x2 - slack <= WIDTH and y2 - slack <= HEIGHT


def test_box_and_pixels_follow_the_face():
    one, other = (_clip(seed) for seed in (3, 4))
    assert (one.box[:2] + one.box[2:]) / 2 - np.mean(
        [(p.x, p.y) for p in one.poses], axis=0
    ) == pytest.approx(
        (other.box[:2] + other.box[2:]) / 2 - np.mean([(p.x, p.y) for p in other.poses], axis=0), abs=3
    )
    assert not np.array_equal(one.box, other.box)


def test_same_generator_same_clip_other_generator_other_clip():
    one, same, other = _clip(7), _clip(7), _clip(8)
    assert np.array_equal(one.frames, same.frames) and np.array_equal(one.box, same.box)
    assert not np.array_equal(one.frames, other.frames)


@pytest.mark.parametrize("emotion", CLASSES)
def test_frames_move(emotion):
    frames = _clip(9, emotion).frames.astype(int)
    assert (np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3)) > 1.0).all()
