import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from dataloaders.clips import ClipError
from dataloaders.crops import (
    CENTRE_CROP,
    FACE_BOX,
    FULL_FRAME,
    crop_to,
    cut,
    face_region,
    letterbox,
    resize,
    visible,
)


def region(box, height=100, width=200, margin=0.2, centre=0.7, missing="centre"):
    return face_region(box, height, width, margin, centre, missing)


def ramp(height=100, width=200):
    """Red is the column's number, green the row's."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(width), np.arange(height)[:, None]
    return image


# The ladder, by hand


def test_box_becomes_a_square_with_its_margin():
    # 40 x 20 about (60, 50): side 40 * (1 + 2 * 0.2) = 56.
    assert region((40, 40, 80, 60)) == (pytest.approx((32, 22, 88, 78)), FACE_BOX)
    assert region((40, 40, 80, 60), margin=0) == ((40, 30, 80, 70), FACE_BOX)


def test_centre_crop_is_a_share_of_the_shorter_side():
    assert region(None) == (pytest.approx((65, 15, 135, 85)), CENTRE_CROP)
    assert region(None, height=200, width=100, centre=0.5) == ((25, 75, 75, 125), CENTRE_CROP)


def test_missing_box_may_give_the_full_frame_or_be_an_error():
    assert region(None, missing="full") == ((0, 0, 200, 100), FULL_FRAME)
    with pytest.raises(ClipError, match="no usable face box"):
        region(None, missing="error")
    assert region((40, 40, 80, 60), missing="error")[1] == FACE_BOX


@pytest.mark.parametrize(
    "box",
    [
        (80, 40, 40, 60),
        (40, 60, 80, 40),
        (50, 50, 50, 50),
        (-30, 10, -1, 40),
        (200, 10, 240, 40),
        (10, -40, 30, 0.5),
        (10, 100, 30, 140),
        (199.5, 10, 260, 40),
    ],
)
def test_box_turned_round_or_outside_counts_as_none(box):
    assert not visible(box, 100, 200)
    assert region(box) == region(None)
    with pytest.raises(ClipError):
        region(box, missing="error")


@pytest.mark.parametrize("box", [(-30, -30, 1, 1), (199, 99, 500, 500), (-1e6, -1e6, 1e6, 1e6)])
def test_box_with_a_pixel_inside_is_used(box):
    assert region(box)[1] == FACE_BOX


# The cut


def test_cut_inside_the_frame_takes_these_pixels():
    assert np.array_equal(cut(ramp(), (32, 22, 88, 78), 56), ramp()[22:78, 32:88])


def test_nothing_aliases_when_it_shrinks():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = 200
    assert (cut(stripes, (0, 0, 64, 64), 16)[:, 1:-1] == 50).all()


@given(st.integers(0, 10**6), *[st.integers(1, 40)] * 4)
def test_shrinking_is_as_pillow_does_it(seed, height, width, new_height, new_width):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    assume(new_height < height or new_width < width)
    before = image.copy()
    due = np.asarray(Image.fromarray(image).resize((new_width, new_height), Image.Resampling.BILINEAR))
    for picture in (image, np.pad(image, ((1, 2), (3, 1), (0, 0)))[1:-2, 3:-1]):  # whole, and part of another
        made = resize(picture, new_width, new_height)
        assert made.dtype == np.uint8 and np.abs(made.astype(int) - due).max() <= 1
    assert np.array_equal(image, before)


@pytest.mark.parametrize("place", [(-1e6, -1e6, 1, 1), (199, 99, 1e6, 1e6), (-1e6, 99, 1, 1e6)])
def test_cut_that_hardly_touches_the_frame_shows_its_corner(place):
    corner = ramp()[99 if place[1] > 0 else 0, 199 if place[0] > 0 else 0]
    assert (cut(ramp(), place, 8) == corner).all()


def test_cut_beyond_the_frame_repeats_its_edge():
    out = cut(ramp(), (-20, 80, 20, 120), 40)  # 20 columns to the left and 20 rows below
    assert np.array_equal(out[:20, 20:], ramp()[80:100, :20])
    assert (out[:20, :20, 0] == 0).all() and np.array_equal(out[:20, 0, 1], np.arange(80, 100))
    assert (out[20:, :, 1] == 99).all()


BOUND = 1e6
COORDINATE = st.one_of(
    st.floats(-BOUND, BOUND), st.floats(-20, 60), st.sampled_from([0.0, 0.5, 1.0, 39.0, 39.5, -BOUND, BOUND])
)


@given(
    st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 33),
    st.sampled_from([0.0, 0.2, 3.0]),
    st.floats(0.01, 1),
    st.sampled_from(["centre", "full"]),
)
def test_any_box_gives_a_square_picture(box, height, width, size, margin, centre, missing):
    image = np.full((height, width, 3), 77, np.uint8)
    place, _ = region(box, height, width, margin, centre, missing)
    out = cut(image, place, size)
    assert out.shape == (size, size, 3) and out.dtype == np.uint8 and (out == 77).all()
    if visible(box, height, width):
        inside = crop_to(image, box)
        assert inside.size and letterbox(inside, size).shape == (size, size, 3)


def test_huge_box_takes_little_memory():
    image = ramp()
    tracemalloc.start()
    cut(image, region((-1e6, -1e6, 1e6, 1e6))[0], 224)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20  # 224 x 224 x 3 bytes are 147 KiB


# The context


@pytest.mark.parametrize(
    "height, width, rows, columns",
    [
        (50, 100, (16, 48), (0, 64)),
        (100, 50, (0, 64), (16, 48)),
        (80, 80, (0, 64), (0, 64)),
        (1, 1000, (31, 32), (0, 64)),
    ],
)
def test_letterbox_keeps_the_ratio_with_black_around(height, width, rows, columns):
    out = letterbox(np.full((height, width, 3), 200, np.uint8), 64)
    white = np.zeros((64, 64), bool)
    white[slice(*rows), slice(*columns)] = True
    assert out.shape == (64, 64, 3) and (out[white] == 200).all() and (out[~white] == 0).all()


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40))
def test_letterbox_of_any_frame(height, width, size):
    out = letterbox(np.full((height, width, 3), 200, np.uint8), size)
    shown = (out == 200).all(axis=2)
    rows, columns = shown.any(axis=1).sum(), shown.any(axis=0).sum()
    assert out.shape == (size, size, 3) and max(rows, columns) == size and shown.sum() == rows * columns
    assert abs(rows * width - columns * height) <= max(height, width)  # a rounded pixel of either side


def test_body_crop_takes_whole_pixels_inside_the_frame():
    assert np.array_equal(crop_to(ramp(), (10.7, 20.2, 30.1, 40.0)), ramp()[20:40, 10:31])
    assert np.array_equal(crop_to(ramp(), (-50, -50, 5, 1000)), ramp()[:, :5])


def test_resize_takes_width_and_then_height():
    assert resize(ramp(), 30, 70).shape == (70, 30, 3)
