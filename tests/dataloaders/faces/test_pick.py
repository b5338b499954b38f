from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.faces.detector import Face
from dataloaders.faces.pick import CHOICES, Picker, area, overlap
from utils.config import FaceSettings

SMALL, MIDDLE, LARGE = (10, 10, 20, 20), (40, 35, 60, 65), (60, 0, 100, 40)  # in a frame of 100 x 100


def picked(pick, frames, patience=2, numbers=None):
    """The box of each frame; faces are given by their boxes."""
    picker = Picker(pick, patience)
    return [picker([Face(box, 0.9) for box in boxes], number, 100, 100)
            for number, boxes in zip(numbers or range(len(frames)), frames)]


@pytest.mark.parametrize("a, b, share", [
    ((0, 0, 10, 10), (0, 0, 10, 10), 1), ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3), ((0, 0, 10, 10), (10, 0, 20, 10), 0),
    ((0, 0, 10, 10), (30, 30, 40, 40), 0), ((0, 0, 10, 10), (2, 2, 7, 6), 0.2), ((0, 0, 0, 0), (0, 0, 0, 0), 0),
    ((5, 5, 5, 9), (0, 0, 10, 10), 0), ((-5, -5, 5, 5), (0, 0, 5, 5), 0.25)])
def test_overlap_by_hand(a, b, share):
    assert overlap(a, b) == overlap(b, a) == pytest.approx(share)


SIDES = st.tuples(*[st.integers(-20, 20)] * 2, *[st.integers(1, 20)] * 2)


@given(SIDES, SIDES)
def test_overlap_counts_pixels(a, b):
    pixels = [{(x, y) for x in range(left, left + width) for y in range(top, top + height)}
              for left, top, width, height in (a, b)]
    first, second = [(left, top, left + width, top + height) for left, top, width, height in (a, b)]
    assert overlap(first, second) == pytest.approx(len(pixels[0] & pixels[1]) / len(pixels[0] | pixels[1]))
    assert area(first) == len(pixels[0])


@pytest.mark.parametrize("pick, expected", [("largest", LARGE), ("central", MIDDLE), ("track", LARGE)])
def test_the_first_frame(pick, expected):
    for boxes in ([SMALL, MIDDLE, LARGE], [LARGE, MIDDLE, SMALL]):
        assert picked(pick, [boxes]) == [expected]


@pytest.mark.parametrize("pick", ["largest", "central", "track"])
def test_no_face_is_none(pick):
    assert picked(pick, [[], [SMALL], []]) == [None, SMALL, None]


def test_central_goes_by_the_frames_own_size():
    picker = Picker("central", 0)
    faces = [Face(SMALL, 0.9), Face(LARGE, 0.9)]  # about (15, 15) and (80, 20)
    assert [picker(faces, 0, *size) for size in ((30, 30), (30, 160), (200, 90), (40, 94))] == [
        SMALL, LARGE, LARGE, SMALL]


def test_largest_and_central_look_at_each_frame_by_itself():
    assert picked("largest", [[SMALL], [SMALL, LARGE], [SMALL, MIDDLE]]) == [SMALL, LARGE, MIDDLE]
    assert picked("central", [[SMALL], [SMALL, LARGE], [LARGE, MIDDLE]]) == [SMALL, LARGE, MIDDLE]


def moved(box, by):
    return tuple(side + by for side in box)


def test_track_stays_with_its_face_when_a_larger_one_appears():
    frames = [[moved(SMALL, step), *([LARGE] if step > 1 else [])][:: (-1) ** step] for step in range(30)]
    assert picked("track", frames) == [moved(SMALL, step) for step in range(30)]


def test_track_takes_the_one_that_overlaps_most():
    near, nearer = (14, 10, 24, 20), (11, 10, 21, 20)  # IoU 6/14 and 9/11
    assert picked("track", [[SMALL], [near, nearer], [near]]) == [SMALL, nearer, near]


@pytest.mark.parametrize("patience", [0, 1, 2, 7])
def test_track_changes_once_its_face_has_been_away_for_longer_than_its_patience(patience):
    frames = [[SMALL]] + [[MIDDLE, LARGE]] * (patience + 3)
    assert picked("track", frames, patience) == [SMALL] + [None] * patience + [LARGE] * 3


def test_a_face_that_comes_back_in_time_begins_its_patience_anew():
    frames = [[SMALL], [LARGE], [SMALL, LARGE], [LARGE], [], [SMALL, LARGE]]
    assert picked("track", frames) == [SMALL, None, SMALL, None, None, LARGE]


def test_patience_goes_by_the_numbers_of_the_frames():
    assert picked("track", [[SMALL], [LARGE], [LARGE]], patience=3, numbers=[0, 3, 6]) == [SMALL, None, LARGE]


@pytest.mark.parametrize("shift, same", [(90, True), (91, False)])  # IoU 20/200 and 19/201
def test_a_tenth_of_overlap_is_the_same_face(shift, same):
    wide, beside = (0, 0, 110, 10), (shift, 0, 110 + shift, 10)
    assert picked("track", [[wide], [beside]]) == [wide, beside if same else None]


def test_the_setting_names_every_choice():
    assert set(get_args(get_type_hints(FaceSettings)["pick"])) == {"track", *CHOICES}
