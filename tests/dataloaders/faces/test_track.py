import math
import weakref
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataloaders.faces.track import bridged, follow, smoothed

A, FAR = (0.0, 0.0, 20.0, 20.0), (100.0, 100.0, 120.0, 120.0)


def at(x):
    """A box of 20 pixels, moved to the right."""
    return (x, 0.0, x + 20.0, 20.0)


def track(text):
    """Digits are boxes at ten times that, a dot is none, F is another face: "1..3" moves from 10 to 30."""
    return [None if sign == "." else FAR if sign == "F" else at(float(sign)) for sign in text]


# From the docstrings, over whole lists


def iou(a, b):
    shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def bridged_whole(seen, every, gap):
    places, out = [place for place, box in enumerate(seen) if box], list(seen)
    for first, second in zip(places, places[1:]):
        between = second - first - 1
        for place in range(first + 1, second):
            share = (place - first) / (second - first)
            if between <= max(gap, every - 1):
                moving = tuple(np.add(seen[first], np.subtract(seen[second], seen[first]) * share).tolist())
                cut = iou(seen[first], seen[second]) < 0.1
                out[place] = seen[first if share <= 0.5 else second] if cut else moving
            elif place - first < every and place - first <= second - place:
                out[place] = seen[first]
            elif second - place < every:
                out[place] = seen[second]
    for place in range(len(seen)):
        if places and place < places[0] and places[0] - place < every:
            out[place] = seen[places[0]]
        if places and place > places[-1] and place - places[-1] < every:
            out[place] = seen[places[-1]]
    return out


def smoothed_whole(boxes, reach):
    faces, parts = [], iter(range(len(boxes)))  # the part that each box belongs to: it ends where the face does
    part = next(parts, None)
    for place, box in enumerate(boxes):
        if place and box and not (boxes[place - 1] and iou(boxes[place - 1], box) >= 0.1):
            part = next(parts)
        faces.append(part)
    out = []
    for place, box in enumerate(boxes):
        near = [other for other in range(len(boxes))
                if boxes[other] and faces[other] == faces[place] and abs(other - place) <= reach]
        weights = [math.exp(-((other - place) ** 2) / (2 * (reach / 2) ** 2)) if reach else 1.0 for other in near]
        out.append(tuple(np.average([boxes[other] for other in near], axis=0, weights=weights)) if box else None)
    return out


BOX = st.builds(lambda x, y, width, height: (x, y, x + width, y + height),
                *[st.integers(0, 25).map(float)] * 2, *[st.integers(8, 30).map(float)] * 2)
SEEN = st.lists(st.one_of(st.none(), st.none(), BOX), max_size=40)


@settings(max_examples=300)
@given(SEEN, st.integers(1, 6), st.integers(0, 9), st.integers(0, 5))
def test_following_frame_by_frame_is_looking_at_the_whole(seen, every, gap, smooth):
    given = iter([(number, box) for number, box in enumerate(seen)])
    followed = list(follow(given, every, gap, smooth))
    expected = smoothed_whole(bridged_whole(seen, every, gap), smooth)
    assert [number for number, _ in followed] == list(range(len(seen)))
    for (_, box), other in zip(followed, expected, strict=True):
        assert (box is None) == (other is None) and (box is None or box == pytest.approx(other, abs=1e-9))


# By hand


@pytest.mark.parametrize("seen, every, gap, expected", [
    ("1...5", 1, 3, "12345"), ("1...5", 1, 2, "1...5"),  # a gap longer than allowed stays
    ("1..", 1, 9, "1.."), ("..1", 1, 9, "..1"), ("...", 3, 9, "..."), ("", 3, 9, ""),
    ("1..4..", 3, 0, "123444"), ("1..4.", 3, 0, "12344"), ("1..4..7", 3, 0, "1234567"),  # the end is not looked into
    ("...4..7", 3, 0, ".444567"),  # nor what lies before the first sighting
    ("1.....7", 3, 5, "1234567"), ("1.....7", 3, 4, "111.777"), ("1........2", 3, 4, "111....222"),
    ("1...F", 1, 3, "111FF"), ("F..1", 1, 2, "FF11"), ("1.F", 1, 1, "11F"),  # the film was cut
    ("13", 1, 0, "13"), ("1F1", 1, 5, "1F1"), ("1....1....1", 2, 3, "11..111..11")])
def test_boxes_between_sightings(seen, every, gap, expected):
    boxes = list(bridged(track(seen), every, gap))
    for box, wanted in zip(boxes, track(expected), strict=True):
        assert (box is None) == (wanted is None) and (box is None or box == pytest.approx(wanted))


def test_a_box_between_two_grows_and_moves_evenly():
    boxes = list(bridged([(0, 0, 10, 20), None, None, None, (4, 4, 18, 20)], 1, 3))
    assert boxes == [(0, 0, 10, 20), (1, 1, 12, 20), (2, 2, 14, 20), (3, 3, 16, 20), (4, 4, 18, 20)]


def test_a_mean_by_hand():
    near, far = math.exp(-0.5), math.exp(-2)  # one and two standard deviations away, of reach / 2 = 1
    boxes = list(smoothed(track("0000") + [at(10.0)] + track("00"), 2))
    total = 1 + 2 * near + 2 * far
    weights = [0, 0, far / total, near / (1 + 2 * near + 2 * far), 1 / total, near / (1 + 2 * near + far),
               far / (1 + near + far)]
    assert [box[0] for box in boxes] == pytest.approx([10 * weight for weight in weights])
    assert [box[1] for box in boxes] == [0] * 7


def test_a_face_that_moves_fast_is_one_as_long_as_neighbours_overlap():
    near, far = math.exp(-0.5), math.exp(-2)
    first, *_ = smoothed([at(0.0), at(15.0), at(30.0)], 2)  # neighbours by 5 of 20 pixels, the first and the last not
    assert first[0] == pytest.approx((15 * near + 30 * far) / (1 + near + far))


def test_a_face_that_stands_still_is_left_as_it_is():
    for _, box in follow(zip(range(20), track("7" * 20)), 1, 3, 4):
        assert box == pytest.approx(at(7.0))


def test_no_reach_changes_nothing():
    assert list(smoothed(track("15.3F9"), 0)) == track("15.3F9")


@pytest.mark.parametrize("text", ["000FFF000", "0F0F0F", "00..FF", "F"])
def test_two_faces_are_never_mixed(text):
    assert list(smoothed(track(text), 4)) == [pytest.approx(box) if box else None for box in track(text)]


def test_beyond_a_frame_without_a_box_nothing_counts():
    assert list(smoothed(track("0.9"), 4)) == track("0.9")
    assert list(smoothed(track("09"), 4))[0][0] > 0


# A stream


class Frame:
    pass


@pytest.mark.parametrize("every, gap, smooth, reach", [(1, 0, 0, 0), (3, 10, 4, 14), (3, 0, 4, 6), (5, 2, 0, 4)])
def test_a_few_frames_wait_however_many_there_are(every, gap, smooth, reach):
    made, alive = [0], []

    def frames():
        for _ in range(5000):
            made[0] += 1
            frame = Frame()
            alive.append(weakref.ref(frame))
            yield frame, at(5.0)

    for number, (frame, box) in enumerate(islice(follow(frames(), every, gap, smooth), 200)):
        assert made[0] == number + 1 + reach and alive[number]() is frame and box == pytest.approx(at(5.0))
        assert sum(reference() is not None for reference in alive) <= reach + 3
