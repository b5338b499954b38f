import colorsys
import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torchvision.transforms.v2 import functional as reference

from utils import views
from utils.config.simclr import SimclrDataConfig
from utils.structures import Batch
from utils.views import Draws, draw_views, make_views, view_pairs

PLAIN = dict(left=0, top=0, width=1, height=1, flip=False, brightness=1, contrast=1, saturation=1, hue=0, grey=False,
             sigma=0)
NOTHING = dict(crop_scale=1, flip=0, colour=0, grey=0, blur=0)
FRESH = dict(deadline=None, max_examples=25)
seeds, factors = st.integers(0, 2**31), st.floats(0, 2)


def by_hand(count: int = 1, **drawn) -> Draws:
    """Draws that are equal in all rows, but where a list is given; nothing is done unless it is named."""
    return Draws(**{name: np.broadcast_to(value, count).copy() for name, value in (PLAIN | drawn).items()})


def noise(*shape: int, seed: int = 0, low: int = 0, high: int = 256) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(low, high, shape, np.uint8))


def random_views(frames: torch.Tensor, config: SimclrDataConfig, size: int, stream) -> torch.Tensor:
    return make_views(frames, draw_views(stream, len(frames), config, size), size)


def assert_close(view: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal but for the rounding to uint8 and float32's places of pixels; `expected` is float, in 0..255."""
    assert view.shape == expected.shape
    assert (view.double() - expected.double()).abs().max() <= 0.51


def one_colour(red: float, green: float, blue: float) -> torch.Tensor:
    return torch.tensor([red, green, blue]).round().to(torch.uint8).view(1, 1, 3, 1, 1).expand(1, 1, 3, 2, 2)


@settings(**FRESH)
@given(seeds, st.integers(1, 3), st.integers(1, 3), st.integers(2, 40))
def test_settings_of_nothing_give_the_frames_back(seed, count, frames, size):
    clips = noise(count, frames, 3, size, size, seed=seed)
    assert torch.equal(random_views(clips, SimclrDataConfig(**NOTHING), size, np.random.default_rng(seed)), clips)


@settings(**FRESH)
@given(seeds, st.integers(2, 40), st.integers(2, 40), st.integers(2, 40))
def test_settings_of_nothing_else_resize(seed, height, width, size):
    clips = noise(1, 2, 3, height, width, seed=seed)
    view = random_views(clips, SimclrDataConfig(**NOTHING), size, np.random.default_rng(seed))
    assert view.dtype == torch.uint8
    resized = F.interpolate(clips[0].float(), (size, size), mode="bilinear", align_corners=False)
    assert_close(view[0], resized)


@settings(**FRESH)
@given(seeds, st.integers(24, 48), st.integers(24, 48), st.integers(1, 2), st.booleans())
def test_a_crop_of_whole_pixels_is_torchvision_s(seed, height, width, halved, mirrored):
    stream, size = np.random.default_rng(seed), 12
    side = size * halved
    left, top = int(stream.integers(width - side + 1)), int(stream.integers(height - side + 1))
    clips = noise(1, 2, 3, height, width, seed=seed)
    draws = by_hand(left=left / width, top=top / height, width=side / width, height=side / height, flip=mirrored)
    expected = reference.resized_crop(clips[0].float(), top, left, side, side, [size, size], antialias=False)
    assert_close(make_views(clips, draws, size)[0], reference.hflip(expected) if mirrored else expected)


def test_an_enlarged_crop_is_torchvision_s_inside():
    """At the crop's own edge torchvision repeats its last pixels, where there are others in the frame."""
    clips = noise(1, 1, 3, 20, 30)
    draws = by_hand(left=6 / 30, top=4 / 20, width=10 / 30, height=8 / 20)
    expected = reference.resized_crop(clips[0].float(), 4, 6, 8, 10, [40, 40], antialias=False)
    assert_close(make_views(clips, draws, 40)[0][..., 4:-4, 4:-4], expected[..., 4:-4, 4:-4])


@settings(**FRESH)
@given(seeds, factors, st.sampled_from(["brightness", "contrast", "saturation"]))
def test_factors_are_torchvision_s(seed, factor, name):
    clips = noise(1, 1, 3, 8, 8, seed=seed)
    expected = getattr(reference, f"adjust_{name}")(clips[0].double() / 255, factor) * 255
    view = make_views(clips, by_hand(**{name: factor}), 8)[0]
    assert (view - expected).abs().max() <= 0.53  # torchvision's weights of luma sum to 0.9999


def test_contrast_is_about_the_mean_of_the_view_over_its_frames():
    clips = torch.zeros(2, 2, 3, 8, 8, dtype=torch.uint8)
    clips[0, 1], clips[1] = 200, 60
    clips[:, :, :, :, 4:] = 250  # cut away
    left = by_hand(2, width=0.5, contrast=[0, 0.5], brightness=[1, 2])
    view = make_views(clips, left, 4)
    assert (view[0] == 100).all()  # neither 0 and 200, nor with the 250 or the other row
    assert (view[1] == 120).all()


def test_the_steps_follow_each_other_as_in_torchvision():
    clips = noise(1, 1, 3, 16, 16, low=90, high=150)
    image = clips[0].double() / 255
    for name, factor in (("brightness", 1.2), ("contrast", 0.7), ("saturation", 1.4)):
        image = getattr(reference, f"adjust_{name}")(image, factor)
    both = by_hand(2, brightness=1.2, contrast=0.7, saturation=1.4, grey=[False, True])
    view = make_views(clips.expand(2, -1, -1, -1, -1), both, 16)
    for row, expected in ((view[0], image), (view[1], reference.rgb_to_grayscale(image, 3))):
        assert (row - expected * 255).abs().max() <= 0.6


def test_colours_are_clamped_before_the_blur():
    clips = noise(1, 2, 3, 16, 16)
    expected = (clips[0].double() * 1.8).clamp(max=255)
    expected = reference.gaussian_blur(reference.hflip(expected), [3, 3], [1.5, 1.5])
    assert_close(make_views(clips, by_hand(brightness=1.8, flip=True, sigma=1.5), 16)[0], expected)


@settings(**FRESH)
@given(st.integers(0, 255), factors, st.floats(-0.5, 0.5), st.booleans())
def test_saturation_hue_and_grey_leave_what_is_grey(level, saturation, hue, grey):
    clips = one_colour(level, level, level)
    assert torch.equal(make_views(clips, by_hand(saturation=saturation, hue=hue, grey=grey), 2), clips)


@settings(**FRESH)
@given(st.lists(st.integers(100, 140), min_size=3, max_size=3), st.floats(-1, 1))
def test_hue_turns_about_grey(colour, hue):
    """Luma stays; a turn is none; half a turn mirrors a colour at its luma; three thirds of turns cancel out."""
    clips = one_colour(*colour).expand(7, -1, -1, -1, -1)
    turns = [hue, hue + 1, hue + 0.5, hue + 1 / 3, hue + 2 / 3, 1, 0.5]
    view = make_views(clips, by_hand(7, hue=turns), 2)[:, 0, :, 0, 0].double()
    original = torch.tensor(colour).double()
    weights = torch.tensor([0.299, 0.587, 0.114]).double()
    luma = original @ weights
    assert (view @ weights - luma).abs().max() <= 0.501
    assert (view[1] - view[0]).abs().max() <= 1  # a half may round either way
    assert (view[0] + view[2] - 2 * luma).abs().max() <= 1.001
    assert (view[0] + view[3] + view[4] - 3 * luma).abs().max() <= 1.501
    assert torch.equal(view[5], original)
    assert (view[6] - (2 * luma - original)).abs().max() <= 0.501


@pytest.mark.parametrize("hue", [-0.2, -0.05, 0.05, 0.2])
def test_hue_turns_as_far_as_it_says_and_the_way_torchvision_does(hue):
    """The standard library's YIQ measures angles; its weights are coarser than ours, hence 0.03 turns."""
    def angle(colour):
        _, i, q = colorsys.rgb_to_yiq(*colour.double().tolist())
        return math.atan2(q, i) / (2 * math.pi), math.hypot(i, q)

    for place in np.arange(0, 1, 1 / 12):
        clips = one_colour(*(128 + 60 * (np.array(colorsys.hsv_to_rgb(place, 1, 1)) - 0.5)))
        view = make_views(clips, by_hand(hue=hue), 2)
        (before, chroma), (after, still) = angle(clips[0, 0, :, 0, 0]), angle(view[0, 0, :, 0, 0])
        assert abs((before - after - hue + 0.5) % 1 - 0.5) < 0.03  # clockwise, with hue
        assert still == pytest.approx(chroma, rel=0.1)
        expected = reference.adjust_hue(clips[0].float() / 255, hue) * 255
        original = clips[0].float()
        assert ((expected - original) * (view[0] - original)).sum() > 0


@pytest.mark.parametrize("size, kernel", [(16, 3), (48, 5), (96, 9), (224, 23)])
def test_blur_is_torchvision_s_of_a_tenth_of_the_side(size, kernel):
    clips = noise(3, 2, 3, size, size)
    view = make_views(clips, by_hand(3, sigma=[0.3, 0, 1.7]), size)
    for row, sigma in ((0, 0.3), (2, 1.7)):
        assert_close(view[row], reference.gaussian_blur(clips[row].float(), [kernel, kernel], [sigma, sigma]))
    assert torch.equal(view[1], clips[1])


def test_grey_is_torchvision_s():
    clips = noise(2, 2, 3, 8, 8)
    view = make_views(clips, by_hand(2, grey=[True, False]), 8)
    assert (view[0] - reference.rgb_to_grayscale(clips[0].double(), 3)).abs().max() <= 0.53
    assert (view[0, :, 0] == view[0, :, 2]).all()
    assert torch.equal(view[1], clips[1])


@settings(**FRESH)
@given(seeds, st.integers(8, 40), st.integers(8, 40), st.integers(4, 40))
def test_a_row_has_its_own_draw_and_its_frames_share_it(seed, height, width, size):
    clips = noise(1, 1, 3, height, width, seed=seed).expand(3, 4, -1, -1, -1)
    view = random_views(clips, SimclrDataConfig(), size, np.random.default_rng(seed))
    assert view.shape == (3, 4, 3, size, size) and view.dtype == torch.uint8
    assert (view.int() - view[:, :1]).abs().max() <= 1  # a half may round either way
    assert not any(torch.equal(view[i], view[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_every_parameter_is_a_row_s_own():
    draws = draw_views(np.random.default_rng(0), 2000, SimclrDataConfig(), 48)
    drawn = {field.name: getattr(draws, field.name).astype(float) for field in fields(Draws)}
    for name, values in drawn.items():
        assert values.shape == (2000,) and len(set(values)) > (1 if name in ("flip", "grey") else 900), name
    # Each to itself: where in its room a crop is, its area and aspect, and colours where there are others.
    for start, side in (("left", "width"), ("top", "height")):
        drawn[start] /= 1 - drawn[side]
    drawn["width"], drawn["height"] = (np.log(draws.width * draws.height), np.log(draws.width / draws.height))
    own = np.stack(list(drawn.values()))[:, drawn["brightness"] != 1]
    assert abs(np.corrcoef(own) - np.eye(len(own))).max() < 0.12  # 5 standard errors


def test_the_stream_decides_and_its_use_is_the_same_whatever_is_set():
    clips = noise(5, 2, 3, 20, 24)

    def views_of(seed):
        return random_views(clips, SimclrDataConfig(), 16, np.random.default_rng(seed))

    assert torch.equal(views_of(3), views_of(3)) and not torch.equal(views_of(3), views_of(4))
    states = []
    for options, size in ((NOTHING, 16), ({}, 16), ({}, 224)):
        stream = np.random.default_rng(3)
        draw_views(stream, 5, SimclrDataConfig(**options), size)
        states.append(stream.random())
    assert len(set(states)) == 1


@pytest.mark.parametrize("chunk", [1, 3 * 2 * 3 * 20 * 24])
def test_chunks_change_nothing(monkeypatch, chunk):
    clips = noise(11, 2, 3, 20, 24)
    whole = random_views(clips, SimclrDataConfig(), 16, np.random.default_rng(0))
    lengths, cut = [], views._cut
    monkeypatch.setattr(views, "CACHED", chunk)
    monkeypatch.setattr(views, "_cut", lambda frames, *rest: lengths.append(len(frames)) or cut(frames, *rest))
    chunked = random_views(clips, SimclrDataConfig(), 16, np.random.default_rng(0)).int()
    assert lengths == ([1] * 11 if chunk == 1 else [3, 3, 3, 2])
    difference = (chunked - whole).abs()  # sums may be taken in another order, and a half round either way
    assert difference.max() <= 1 and (difference > 0).float().mean() < 1e-3


def test_autocast_changes_nothing():
    clips = noise(8, 1, 3, 24, 24)
    expected = random_views(clips, SimclrDataConfig(), 24, np.random.default_rng(0))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(random_views(clips, SimclrDataConfig(), 24, np.random.default_rng(0)), expected)


def test_the_frames_given_are_not_changed():
    clips = noise(4, 2, 3, 16, 16)
    random_views(clips, SimclrDataConfig(), 16, np.random.default_rng(0))
    assert torch.equal(clips, noise(4, 2, 3, 16, 16))


def test_no_step_leaves_the_device():
    """A fake tensor has a device, but no values: to look at one, or to mix in one of the CPU, is an error."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        clips = torch.empty(6, 2, 3, 20, 24, dtype=torch.uint8, device="cuda")
        view = random_views(clips, SimclrDataConfig(), 16, np.random.default_rng(0))
    assert view.device.type == "cuda" and view.shape == (6, 2, 3, 16, 16) and view.dtype == torch.uint8


def test_no_rows():
    assert random_views(noise(0, 2, 3, 8, 8), SimclrDataConfig(), 6, np.random.default_rng(0)).shape == (0, 2, 3, 6, 6)


def uniform(values: np.ndarray, low: float, high: float) -> bool:
    """Within [low, high], with quartiles where they belong, to 5 standard errors."""
    share = (values - low) / (high - low)
    quartiles = np.quantile(share, [0.25, 0.5, 0.75])
    return (-1e-9 <= share.min() and share.max() <= 1 + 1e-9
            and abs(quartiles - [0.25, 0.5, 0.75]).max() < 2.5 / len(values) ** 0.5)


def often(chosen: np.ndarray, probability: float) -> bool:
    return abs(chosen.mean() - probability) < 2.5 / len(chosen) ** 0.5


@pytest.mark.parametrize("scale", [0.05, 0.2, 0.9])
def test_crops_are_inside_the_frame_and_uniform_in_area_and_place(scale):
    draws = draw_views(np.random.default_rng(0), 20_000, SimclrDataConfig(crop_scale=scale), 48)
    area, aspect = draws.width * draws.height, draws.width / draws.height
    assert uniform(area, scale, 1)
    assert 0.75 - 1e-9 <= aspect.min() and aspect.max() <= 4 / 3 + 1e-9
    small = area < 0.75  # any aspect fits
    if small.any():
        assert uniform(np.log(aspect[small]), math.log(0.75), math.log(4 / 3))
    for start, side in ((draws.left, draws.width), (draws.top, draws.height)):
        assert start.min() >= 0 and side.max() <= 1 and (start + side).max() <= 1 + 1e-12
        room = side < 0.999
        assert uniform(start[room] / (1 - side[room]), 0, 1)


@pytest.mark.parametrize("strength, low, high", [(0.5, 0.6, 1.4), (1.0, 0.2, 1.8), (1.25, 0.0, 2.0)])
def test_colours_are_distorted_as_often_and_as_far_as_said(strength, low, high):
    draws = draw_views(np.random.default_rng(0), 20_000, SimclrDataConfig(colour=strength), 48)
    distorted = draws.brightness != 1
    assert often(distorted, 0.8)
    for name in ("brightness", "contrast", "saturation"):
        values = getattr(draws, name)
        assert uniform(values[distorted], low, high) and (values[~distorted] == 1).all()
    assert uniform(draws.hue[distorted], -0.2 * strength, 0.2 * strength) and (draws.hue[~distorted] == 0).all()


@pytest.mark.parametrize("size, most", [(24, 0.5), (48, 1.0), (96, 2.0), (224, 2.0)])
def test_flips_greys_and_blurs_are_as_frequent_as_said(size, most):
    draws = draw_views(np.random.default_rng(0), 20_000, SimclrDataConfig(flip=0.3, grey=0.1, blur=0.6), size)
    assert often(draws.flip, 0.3) and often(draws.grey, 0.1) and often(draws.sigma > 0, 0.6)
    assert uniform(draws.sigma[draws.sigma > 0], 0.1, most)


def test_a_row_does_not_depend_on_the_others():
    clips = noise(9, 2, 3, 20, 20)
    draws = draw_views(np.random.default_rng(1), 9, SimclrDataConfig(), 16)
    together = make_views(clips, draws, 16).int()
    for row in range(9):
        own = replace(draws, **{field.name: getattr(draws, field.name)[row : row + 1] for field in fields(Draws)})
        assert (make_views(clips[row : row + 1], own, 16).int() - together[row]).abs().max() <= 1


# ---------------------------------------------------------------- pairs

def windows(count: int = 3, same: bool = False, **others) -> Batch:
    """Face and context of `count` clips; with `same`, one picture in every place."""
    face, context = (noise(count, 2, 2, 3, 20, 20, seed=seed) for seed in (0, 1))
    if same:
        face = context = noise(1, 1, 1, 3, 20, 20).expand(count, 2, 2, -1, -1, -1)
    return Batch(torch.arange(count), [f"clip {i}" for i in range(count)], face, context, **others)


SMALL = SimclrDataConfig(image_size=16)


def test_a_view_of_each_window():
    """The views are those of the rows in order: face first, then context, from what the stream then gives."""
    batch, stream = windows(), np.random.default_rng(5)
    found = view_pairs(batch, SMALL, np.random.default_rng(5))
    for name in ("face", "context"):
        rows = getattr(batch, name).reshape(6, 2, 3, 20, 20)
        expected = random_views(rows, SMALL, 16, stream)
        view = getattr(found, name)
        assert view.shape == (3, 2, 2, 3, 16, 16) and view.dtype == torch.uint8
        for clip in range(3):
            for number in range(2):
                assert torch.equal(view[clip, number], expected[2 * clip + number])


@settings(**FRESH)
@given(seeds)
def test_views_of_a_clip_and_its_streams_have_their_own_draws(seed):
    found = view_pairs(windows(same=True), SMALL, np.random.default_rng(seed))
    rows = torch.cat([found.face.flatten(0, 1), found.context.flatten(0, 1)])  # 12 views of one picture
    assert not any(torch.equal(rows[i], rows[j]) for i in range(12) for j in range(i))
    assert (rows.int() - rows[:, :1]).abs().max() <= 1  # frames of a view share its draw


def test_the_rest_of_a_batch_is_as_it_was():
    batch = windows(notes={"face: face box": 3}, bad=[("lost", "empty")])
    found = view_pairs(batch, SMALL, np.random.default_rng(0))
    for field in fields(Batch):
        if field.name not in ("face", "context"):
            assert getattr(found, field.name) is getattr(batch, field.name), field.name
    for stream, seed in ((batch.face, 0), (batch.context, 1)):
        assert torch.equal(stream, noise(3, 2, 2, 3, 20, 20, seed=seed))


def test_a_face_alone_stays_alone():
    batch = replace(windows(), context=None)
    found = view_pairs(batch, SMALL, np.random.default_rng(2))
    assert found.context is None
    assert torch.equal(found.face, view_pairs(windows(), SMALL, np.random.default_rng(2)).face)
