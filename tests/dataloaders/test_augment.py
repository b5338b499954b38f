from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.augment import Augmentation, draw_augmentation

NONE = Augmentation(False, 0.0, 1.0, (0.0, 0.0), 1.0, 0.0, 1.0, None)


def made(augmentation, pictures):
    """(T, S, S, 3) -> the same, augmented."""
    return np.stack([*map(augmentation.at(pictures.shape[1]), pictures)])


def stream(seed):
    return np.random.default_rng(seed)


def noise(seed=0, frames=3, size=16):
    return stream(seed).integers(0, 256, (frames, size, size, 3)).astype(np.uint8)


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 33))
def test_strength_0_is_the_identity(seed, frames, size):
    pictures = noise(seed, frames, size)
    assert np.array_equal(made(draw_augmentation(stream(seed), 0, 0), pictures), pictures)


@pytest.mark.parametrize("size", [15, 16])
def test_flip_is_an_exact_mirror(size):
    pictures = noise(size=size)
    assert np.array_equal(made(replace(NONE, flip=True), pictures), pictures[:, :, ::-1])


def test_half_of_the_draws_flip():
    flips = sum(draw_augmentation(stream(seed), 1, 0).flip for seed in range(400))
    assert 160 < flips < 240


@given(st.integers(0, 10**6), st.floats(0.1, 2), st.sampled_from([0.0, 1.0]))
def test_all_frames_of_a_clip_get_the_same(seed, strength, erasing):
    picture = noise(seed, 1)
    out = made(draw_augmentation(stream(seed), strength, erasing), picture.repeat(4, axis=0))
    assert out.shape == (4, 16, 16, 3) and out.dtype == np.uint8
    assert (out == out[0]).all()


def test_draws_differ_between_streams_and_repeat_with_one():
    assert (
        draw_augmentation(stream(1), 1, 0)
        == draw_augmentation(stream(1), 1, 0)
        != draw_augmentation(stream(2), 1, 0)
    )
    both = stream(1)
    assert draw_augmentation(both, 1, 0) != draw_augmentation(both, 1, 0)


def test_input_is_left_as_it_was():
    pictures = noise()
    made(draw_augmentation(stream(5), 1, 1), pictures)
    assert np.array_equal(pictures, noise())


def test_ranges_of_strength_1_and_their_half():
    drawn = [draw_augmentation(stream(seed), 1, 0) for seed in range(500)]
    for seed, full in enumerate(drawn[:20]):
        half = draw_augmentation(stream(seed), 0.5, 0)
        assert half.angle == pytest.approx(full.angle / 2) and half.gain - 1 == pytest.approx(
            (full.gain - 1) / 2
        )
    for values, middle, width in (
        ([a.angle for a in drawn], 0, 15),
        ([a.scale for a in drawn], 1, 0.15),
        ([v for a in drawn for v in a.shift], 0, 0.08),
        ([a.gain for a in drawn], 1, 0.3),
        ([a.saturation for a in drawn], 1, 0.3),
        ([a.bias for a in drawn], 0, 20),
    ):
        assert (
            middle - width <= min(values) < middle - 0.9 * width
            and middle + 0.9 * width < max(values) <= middle + width
        )


def test_shift_moves_right_and_down_and_repeats_the_edge():
    pictures = noise(size=20)
    out = made(replace(NONE, shift=(0.1, 0.2)), pictures)  # 2 and 4 pixels
    assert np.array_equal(out[:, 4:, 2:], pictures[:, :-4, :-2])
    assert np.array_equal(out[:, 4:, 0], pictures[:, :-4, 0])


def test_quarter_turn_and_scale_are_about_the_centre():
    pictures = noise(size=17)
    assert np.array_equal(made(replace(NONE, angle=90.0), pictures), np.rot90(pictures, axes=(1, 2)))
    dot = np.zeros((1, 17, 17, 3), np.uint8)
    dot[:, 8, 8] = dot[:, 8, 12] = 255
    out = made(replace(NONE, scale=0.5), dot)[0, :, :, 0]
    assert out[8, 8] == 255 and out[8, 10] == 255 and out[8, 12] == 0


def test_colour_by_hand():
    picture = np.full((1, 4, 4, 3), (10, 100, 200), np.uint8)
    assert made(replace(NONE, gain=1.5, bias=5.0), picture)[0, 0, 0].tolist() == [20, 155, 255]
    grey = 0.299 * 10 + 0.587 * 100 + 0.114 * 200  # red, green, blue of BT.601
    assert made(replace(NONE, saturation=0.0), picture)[0, 0, 0] == pytest.approx([grey] * 3, abs=1)
    half = [(10 + grey) / 2, (100 + grey) / 2, (200 + grey) / 2]
    assert made(replace(NONE, saturation=0.5), picture)[0, 0, 0] == pytest.approx(half, abs=1)


def test_erased_patch():
    pictures = noise(size=20)
    out = made(replace(NONE, patch=(0.25, 0.5, 0.1, 0.3)), pictures)  # x 5..7, y 10..16
    assert (out[:, 10:16, 5:7] == 127).all()
    out[:, 10:16, 5:7] = pictures[:, 10:16, 5:7]
    assert np.array_equal(out, pictures)


def test_patches_lie_inside_and_take_2_to_20_percent():
    for seed in range(300):
        x, y, width, height = draw_augmentation(stream(seed), 0, 1.0).patch
        assert 0 <= x <= x + width <= 1 and 0 <= y <= y + height <= 1
        assert 0.019 < width * height < 0.201
    erased = sum(draw_augmentation(stream(seed), 1, 0.25).patch is not None for seed in range(400))
    assert 70 < erased < 130


@given(st.integers(0, 10**6), st.integers(2, 40))
def test_a_draw_is_as_the_formulas_have_it(seed, size):
    """Warped as OpenCV does it with a repeated edge, then gain and bias, then away from or towards grey."""
    draw, pictures = draw_augmentation(stream(seed), 1, 0), noise(seed, size=size)
    pictures = cv2.blur(pictures.reshape(-1, size, 3), (9, 9)).reshape(pictures.shape)  # a 32nd of a pixel is little
    warped = np.stack([cv2.warpAffine(picture, draw._matrix(size), (size, size), borderMode=cv2.BORDER_REPLICATE)
                       for picture in pictures])
    lit = warped * draw.gain + draw.bias
    grey = lit @ [[0.299], [0.587], [0.114]]
    due = np.clip(grey + draw.saturation * (lit - grey), 0, 255)
    assert np.abs(made(draw, pictures) - due).max() < 4
