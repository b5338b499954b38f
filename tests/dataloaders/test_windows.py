import gc
import json
import weakref
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.boxes import Boxes
from dataloaders.clips import Clip
from dataloaders.crops import CENTRE_CROP, FACE_BOX, FULL_FRAME, face_region, resize
from dataloaders.loader import BadSample
from dataloaders.order import Draw
from dataloaders.sampling import tsn_indices
from dataloaders.stream import Moment, Stream
from dataloaders.video import VideoDataset
from dataloaders.windows import MOST_FRAMES, Shot, Window, batches, cut_frames, slide
from tests.dataloaders.footage import write_image
from utils.config import ClipDataConfig

CONFIG = ClipDataConfig(num_segments=4, image_size=16)
EVERY = replace(CONFIG, num_segments=2000)  # the frames of a window, the last of them over and over
PIXEL = np.zeros((1, 1, 3), np.uint8)


def shot(number, time, box=None, face=PIXEL, context=None):
    return Shot(number, time, face, context, PIXEL, box, FACE_BOX if box else CENTRE_CROP)


def shots(times):
    return [shot(number, time) for number, time in enumerate(times)]


def seen_in(windows):
    """Of each window its start, its end, and the numbers of its frames."""
    return [(window.start, window.end, sorted({shot.number for shot in window.shots})) for window in windows]


# Windows


@pytest.mark.parametrize("times, length, stride, expected", [
    ([0, 1, 2, 3, 4, 5, 6, 7], 4, 2, [(0, 4, [0, 1, 2, 3]), (2, 6, [2, 3, 4, 5]), (4, 7, [4, 5, 6, 7])]),
    ([0, 1, 2, 3, 4, 5, 6], 4, 4, [(0, 4, [0, 1, 2, 3]), (4, 6, [4, 5, 6])]),
    ([0, 1, 2, 3], 4, 2, [(0, 3, [0, 1, 2, 3])]),  # shorter than a window
    ([0, 1, 2, 3, 4], 4, 1, [(0, 4, [0, 1, 2, 3]), (1, 4, [1, 2, 3, 4])]),
    ([0], 4, 2, [(0, 0, [0])]), ([], 4, 2, []),
    ([0, 1, 2, 3, 4, 5, 6, 7, 8], 2, 4, [(0, 2, [0, 1]), (4, 6, [4, 5]), (8, 8, [8])]),  # a stride above the window
    ([0, 1, 2, 3], 2, 4, [(0, 2, [0, 1])]),
    ([0, 1, 20, 21], 4, 2, [(0, 4, [0, 1]), (18, 21, [2, 3])]),
    ([0, 0.5, 9.75], 1, 0.5, [(0, 1, [0, 1]), (0.5, 1.5, [1]), (9, 9.75, [2])]),
    ([0.25, 0.5, 1.25], 1, 1, [(0, 1, [0, 1]), (1, 1.25, [2])]),
    ([0, 3.995, 4], 4, 2, [(0, 4, [0, 1])])])  # the last stands too near to another to count
def test_windows_by_hand(times, length, stride, expected):
    assert seen_in(slide(shots(times), length, stride, EVERY)) == expected


def windows_of_the_whole(times, length, stride):
    """(start, end, frames) as the docstring has it, from the whole list."""
    number, found = 0, []
    while times and number * stride + length <= times[-1]:
        found.append((number * stride, number * stride + length,
                      [place for place, time in enumerate(times) if 0 <= time - number * stride < length]))
        number += 1
    rest = [place for place, time in enumerate(times) if time >= number * stride]
    return [window for window in found if window[2]] + ([(number * stride, times[-1], rest)] if rest else [])


TIMES = st.lists(st.integers(1, 40), max_size=60).map(lambda steps: (np.cumsum([0, *steps]) / 16).tolist())


@given(TIMES, st.integers(1, 20).map(lambda n: n / 4), st.integers(1, 30).map(lambda n: n / 4))
def test_windows_are_those_of_the_whole(times, length, stride):
    assert seen_in(slide(shots(times), length, stride, EVERY)) == windows_of_the_whole(times, length, stride)


def check_that_every_frame_is_seen(times, length, stride):
    windows = list(slide(shots(times), length, stride, EVERY))
    assert {shot.number for window in windows for shot in window.shots} == set(range(len(times)))
    for window in windows:
        assert all(window.start - 1e-9 <= shot.time <= window.end for shot in window.shots)
        assert window.end <= window.start + length + 1e-9


@given(st.lists(st.floats(0.05, 0.4), max_size=60), st.floats(0.2, 5), st.floats(0.02, 1))
def test_every_frame_is_seen_while_strides_are_no_longer_than_windows(steps, length, share):
    check_that_every_frame_is_seen(np.cumsum([0, *steps]).tolist(), length, length * share)


@pytest.mark.parametrize("rate", [10, 25, 29.97, 30])
@pytest.mark.parametrize("length", [0.1, 0.3, 0.6, 0.7, 1.2, 2.4])
def test_and_so_is_a_frame_at_the_very_seam_of_two_windows(rate, length):
    """Where 5 x 0.1 + 0.1 < 6 x 0.1, there is a number that is neither before the one nor after the other."""
    for stride in (length, length / 3):
        check_that_every_frame_is_seen([number / rate for number in range(600)], length, stride)


@pytest.mark.parametrize("segments, duration, frames", [(4, 1, 20), (8, 1, 8), (8, 1, 5), (3, 2, 25), (1, 1, 9)])
def test_shots_are_sampled_as_clips_are(segments, duration, frames):
    config = replace(CONFIG, num_segments=segments, duration=duration)
    (window,) = slide(shots([number / 25 for number in range(frames)]), 4.0, 2.0, config)
    assert [shot.number for shot in window.shots] == tsn_indices(frames, segments, duration, None)
    assert window.middle.number == window.shots[segments * duration // 2].number


def test_the_share_of_frames_with_a_box_is_of_all_frames():
    given = [shot(number, number / 8, (0, 0, 1, 1) if number % 4 == 3 else None) for number in range(64)]
    assert [window.boxes for window in slide(given, 4.0, 4.0, replace(CONFIG, num_segments=1))] == [0.25, 0.25]
    given = [shot(number, number / 8, (0, 0, 1, 1) if number < 40 else None) for number in range(64)]
    assert [window.boxes for window in slide(given, 4.0, 4.0, CONFIG)] == [1, 0.25]


class Counted(float):
    """A time that does not let itself be compared for ever."""

    left = 1000

    def __ge__(self, other):
        self.left -= 1
        assert self.left, "it goes on and on"
        return float(self) >= other


@pytest.mark.parametrize("jump", [86_400.0 * 30, 1e12])
def test_a_jump_by_days_is_no_walk_of_days(jump):
    given = shots([0.0, 1.0, Counted(jump), Counted(jump + 1)])
    windows = seen_in(slide(given, 4.0, 2.0, EVERY))
    assert windows[0] == (0, 4, [0, 1]) and windows[-1][2] == [2, 3] and len(windows) == 2


@pytest.mark.parametrize("rate", [120, 1000, 4096])
def test_a_window_holds_a_bounded_number_of_frames_at_even_distances(rate):
    for window in slide((shot(number, number / rate) for number in range(10 * rate)), 4.0, 2.0, EVERY):
        numbers = sorted({shot.number for shot in window.shots})
        assert len(numbers) <= MOST_FRAMES and len(set(np.diff(numbers))) == 1
        assert numbers[-1] - numbers[0] > rate * (window.end - window.start) * 0.98


def test_frames_that_a_window_no_longer_needs_are_let_go():
    alive = []

    def many():
        for number in range(2000):
            alive.append(weakref.ref(made := shot(number, number / 25)))
            yield made

    for window in islice(slide(many(), 4.0, 1.0, CONFIG), 30):
        assert window.end * 25 <= len(alive) <= window.end * 25 + 1  # no frame is waited for that it does not need
    gc.collect()
    assert len(alive) > 800 and sum(reference() is not None for reference in alive) < 4 * 25 + 10


# Frames


SIZES = [(90, 160), (160, 90), (64, 64), (15, 300)]


@pytest.fixture(scope="module", params=SIZES, ids=str)
def clip(request, tmp_path_factory):
    """A folder of 25 pictures of noise, and boxes for some of them, one outside the frame."""
    root, stream = tmp_path_factory.mktemp("clip"), np.random.default_rng(1)
    height, width = request.param
    coarse = [stream.integers(0, 256, (height // 5, width // 5, 3)).astype(np.uint8) for _ in range(25)]
    for number, pixels in enumerate(coarse):
        write_image(root / "a" / f"{number:03}.png", resize(pixels, width, height))
    corners = [(stream.uniform(-5, width * 0.7), stream.uniform(-5, height * 0.7)) for _ in range(25)]
    table = {f"{number:03}.png": [x, y, x + width * 0.3, y + height * 0.4] for number, (x, y) in enumerate(corners)}
    table["012.png"] = [width + 10.0, 0.0, width + 20.0, 9.0]
    (root / "boxes.json").write_text(json.dumps({"a": table}))
    return Clip("a", root / "a", 0), Boxes(root / "boxes.json")


@pytest.mark.parametrize("settings", [
    dict(), dict(streams="face"), dict(missing_box="full"), dict(box_margin=0.0, duration=2), dict(centre_crop=0.4),
    dict(num_segments=40, box_margin=1.5)], ids=str)
@pytest.mark.parametrize("with_boxes", [True, False])
def test_a_window_over_a_clip_is_the_sample_that_training_gets(clip, settings, with_boxes):
    (clip, boxes), config = clip, replace(CONFIG, image_size=48, **settings)
    sample = VideoDataset([clip], config, 0, boxes if with_boxes else None)[Draw(0, 0, 0)]
    frames = ((moment, boxes.get("a", moment.number) if with_boxes else None) for moment in Stream(clip.path))
    ((windows, batch),) = batches(slide(cut_frames(frames, config), 9.0, 9.0, config), 8)
    assert torch.equal(batch.face[0], sample.face) and batch.face.dtype == sample.face.dtype
    assert batch.context is sample.context is None or torch.equal(batch.context[0], sample.context)
    assert len(windows) == 1 and windows[0].boxes == with_boxes


def test_frames_that_training_left_out_are_cut_at_their_centre(clip):
    clip, strict = clip[0], replace(CONFIG, missing_box="error")
    assert isinstance(VideoDataset([clip], strict, 0)[Draw(0, 0, 0)], BadSample)
    moments = list(Stream(clip.path))
    for config in (strict, replace(CONFIG, missing_box="centre")):
        cuts = list(cut_frames(((moment, None) for moment in moments), config))
        assert {shot.step for shot in cuts} == {CENTRE_CROP}
        assert all(np.array_equal(shot.face, other.face) for shot, other in zip(
            cuts, cut_frames(((moment, None) for moment in moments), CONFIG), strict=True))


def test_a_shot_says_where_it_comes_from():
    stream = np.random.default_rng(0)
    moments = [Moment(stream.integers(0, 256, (240, 320, 3)).astype(np.uint8), number, number / 5, 2.5)
               for number in (7, 8, 9)]
    boxes = [(20.0, 30.0, 60.0, 90.0), None, (400.0, 0.0, 500.0, 50.0)]
    cuts = list(cut_frames(zip(moments, boxes), replace(CONFIG, missing_box="full")))
    assert [(shot.number, shot.time) for shot in cuts] == [(7, 1.4), (8, 1.6), (9, 1.8)]
    assert [shot.box for shot in cuts] == [(50, 75, 150, 225), None, (1000, 0, 1250, 125)]  # pixels of the file
    assert [shot.step for shot in cuts] == [FACE_BOX, FULL_FRAME, FULL_FRAME]
    for shot, moment in zip(cuts, moments):
        assert np.array_equal(shot.picture, resize(moment.pixels, 160, 120))
    whole = Moment(resize(moments[0].pixels, 800, 600), 7, 1.4)  # the file itself: the same place is cut
    (region, _), (larger, _) = (face_region(box, *pixels.shape[:2], 0.2, 0.7, "full") for box, pixels in (
        (boxes[0], moments[0].pixels), (cuts[0].box, whole.pixels)))
    assert larger == pytest.approx([side * 2.5 for side in region])


@pytest.mark.parametrize("height, width, small", [
    (480, 1, (120, 1)), (480, 1900, (120, 475)), (480, 3000, (77, 480)), (2, 1920, (1, 480)), (1, 1, (120, 120))])
def test_the_picture_is_small_whatever_the_frame(height, width, small):
    """All of a window's frames are held."""
    moment = Moment(np.full((height, width, 3), 9, np.uint8), 0, 0.0)
    (cut,) = cut_frames([(moment, None)], CONFIG)
    assert cut.picture.shape == (*small, 3) and (cut.picture == 9).all()


# Batches


@pytest.mark.parametrize("number, size, sizes", [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 8, [2]), (0, 4, [])])
@pytest.mark.parametrize("both", [True, False])
def test_batches(number, size, sizes, both):
    stream = np.random.default_rng(0)

    def pixels():
        return stream.integers(0, 256, (4, 6, 3)).astype(np.uint8)

    windows = [Window(1.5 * place, 1.5 * place + 3, [shot(5, 0.0, None, pixels(), pixels() if both else None)
                                                   for _ in range(2)], 0.5) for place in range(number)]
    taken = list(batches(iter(windows), size))
    assert [len(chosen) for chosen, _ in taken] == [len(batch) for _, batch in taken] == sizes
    assert [window for chosen, _ in taken for window in chosen] == windows
    for chosen, batch in taken:
        assert batch.ids == [f"{window.start:.2f} s" for window in chosen] and (batch.targets == -1).all()
        assert batch.face.shape == (len(chosen), 2, 3, 4, 6) and batch.face.dtype == torch.uint8
        assert (batch.context is None) != both
        for name, stack in (("face", batch.face), ("context", batch.context)) if both else (("face", batch.face),):
            for row, window in zip(stack, chosen, strict=True):
                for frame, part in zip(row, window.shots, strict=True):
                    assert np.array_equal(frame.permute(1, 2, 0), getattr(part, name))


def test_windows_are_taken_as_they_come():
    made = []

    def many():
        for number in range(100):
            made.append(number)
            yield Window(float(number), number + 1.0, [shot(0, 0.0)], 0.0)

    assert [len(chosen) for chosen, _ in islice(batches(many(), 4), 2)] == [4, 4] and len(made) == 8


def test_a_window_in_which_a_face_was_found_is_made_of_the_frames_that_have_it():
    """Two of eight frames have a box: with four wanted, the clip of these two and the last of them again."""
    held = [shot(number, number / 10, (0, 0, 1, 1) if number in (2, 5) else None) for number in range(8)]
    [window] = slide(held, 4, 2, CONFIG)
    assert [shot.number for shot in window.shots] == [2, 5, 5, 5] and window.boxes == 2 / 8
