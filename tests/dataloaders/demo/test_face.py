"""Checks that what is drawn is where the geometry says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataloaders.demo.expression import Shape, apex, shape_of
from dataloaders.demo.face import Pose, draw_behind, draw_face, face_box
from dataloaders.demo.identity import draw_identity
from dataloaders.demo.mouth import lip_edges

BACKGROUND = (0, 0, 255)
SEEDS = st.integers(0, 2**32 - 1)


def _bald(seed: int):
    return replace(
        draw_identity(np.random.default_rng(seed)),
        hair_style="bald",
        beard="none",
        glasses=False,
        ear_size=0.9,
    )


def _drawn(who, shape: Shape, pose: Pose) -> np.ndarray:
    image = np.full((200, 240, 3), BACKGROUND, np.uint8)
    draw_behind(image, who, pose)
    draw_face(image, who, shape, pose, (0.0, 0.0), 0.5)
    return image


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(80, 150), st.floats(80, 110), st.floats(-0.15, 0.15))
def test_box_fits_the_drawn_head(seed, x, y, roll):
    who, pose = _bald(seed), Pose(x, y, 60.0, yaw=0.1, pitch=0.05, roll=roll)
    box = face_box(who, Shape(), pose)
    rows, columns = np.nonzero((_drawn(who, Shape(), pose) != BACKGROUND).any(axis=2))
    assert abs(rows.max() - box[3]) < 2
    assert 0.1 * 60 < box[1] - rows.min() < 0.4 * 60  # the box begins at the hairline
    ear = 0.16 * 60
    assert 0 <= box[0] - columns.min() + 2 < ear + 4 and 0 <= columns.max() - box[2] + 2 < ear + 4


def test_dropped_jaw_lengthens_the_box():
    who, pose = _bald(1), Pose(100, 100, 50.0)
    rest, dropped = (face_box(who, Shape(jaw_drop=drop), pose) for drop in (0.0, 1.0))
    assert dropped[3] - rest[3] == pytest.approx(0.13 * 50)
    assert dropped[:3] == pytest.approx(rest[:3])


def test_turned_head_moves_its_front_but_not_its_edge():
    points = np.array([[0.0, 0.0], [0.0, -1.0]])
    moved = Pose(0, 0, 10.0, yaw=0.3).place(0.8)(points) - Pose(0, 0, 10.0).place(0.8)(points)
    assert moved[0] == pytest.approx([0.75 * 10 * np.sin(0.3), 0.0])
    assert moved[1] == pytest.approx([0.0, 0.0])


def test_roll_is_clockwise():
    assert Pose(5, 6, 10.0, roll=np.pi / 2).place(0.8)(np.array([[0.0, -1.0]]))[0] == pytest.approx(
        [15.0, 6.0]
    )


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_happy_mouth_curves_up_and_sad_mouth_down(seed):
    rng = np.random.default_rng(seed)
    who = draw_identity(rng)
    bend = {}
    for emotion in ("Happy", "Sad"):
        apexes = [lip_edges(who, shape_of(apex(rng, emotion)))[1] for _ in range(20)]
        # y points down: positive where the corners stand above the middle of the lower lip
        bend[emotion] = np.mean([lip[8, 1] - lip[[0, -1], 1].mean() for lip in apexes])
    assert bend["Happy"] > 0.03 and bend["Sad"] < -0.03


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(0.5, 1.0))
def test_open_mouth_shows_its_inside(seed, openness):
    who = draw_identity(np.random.default_rng(seed))
    upper, lower = lip_edges(who, Shape(mouth_open=openness))
    assert (lower - upper)[8, 1] == pytest.approx(0.43 * openness)
    pose = Pose(120, 100, 80.0)
    row = round(100 + 80 * (upper[8, 1] + 0.3 * 0.43 * openness))  # above the tongue
    bare = replace(who, beard="none")
    pixel = _drawn(bare, Shape(mouth_open=openness), pose)[row, 120].astype(float)
    assert pixel == pytest.approx([0x5A, 0x16, 0x20], abs=3)


@pytest.mark.parametrize("lid, white", [(0.0, False), (1.0, True)])
def test_closed_eyes_hide_the_white(lid, white):
    who = replace(_bald(3), skin=(120.0, 80.0, 60.0))
    image = _drawn(who, Shape(lid_upper=lid), Pose(120, 100, 80.0))
    assert bool((image[80:120, 60:180] > 240).all(axis=2).any()) is white
