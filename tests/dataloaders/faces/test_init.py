from itertools import islice

import cv2
import numpy as np
import pytest

from dataloaders.faces import DETECTORS, find_faces
from dataloaders.faces.detector import Face, YuNet
from dataloaders.faces.pick import overlap
from dataloaders.stream import Moment, Stream
from tests.dataloaders.footage import write_image
from utils.config import FaceSettings

PLAIN = FaceSettings(every=1, gap=0, smooth=0)


class Bright:
    """A detector of our own: every bright rectangle is a face."""

    def __init__(self, settings: FaceSettings):
        self.looked, self.least = [], settings.min_score

    def __call__(self, picture: np.ndarray) -> list[Face]:
        self.looked.append(int(picture[0, 0, 2]))
        shapes = cv2.findContours((picture[..., 0] > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        corners = [cv2.boundingRect(shape) for shape in shapes]
        return [Face((x, y, x + width, y + height), 0.9) for x, y, width, height in corners if self.least <= 0.9]


def picture(number, *boxes):
    """(60, 200, 3), with bright boxes; blue is the frame's number."""
    pixels = np.zeros((60, 200, 3), np.uint8)
    pixels[..., 2] = number
    for x1, y1, x2, y2 in boxes:
        pixels[y1:y2, x1:x2, 0] = 255
    return pixels


def moments(*frames):
    return [Moment(picture(number, *boxes), number + 7, number / 25) for number, boxes in enumerate(frames)]


def moving(step):
    return 2 * step, 10, 2 * step + 20, 30


LARGE = (150, 0, 200, 50)


def found(frames, settings=PLAIN):
    detector = Bright(settings)
    given = moments(*frames)
    moved, boxes = zip(*find_faces(given, detector, settings))
    assert list(moved) == given  # the same, in order
    return list(boxes), detector.looked


def test_each_frame_has_its_box():
    assert found([[moving(0)], [], [moving(2)]]) == ([moving(0), None, moving(2)], [0, 1, 2])


@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_every_nth_frame_is_looked_into_and_boxes_of_the_others_lie_between(every):
    boxes, looked = found([[moving(step)] for step in range(11)], FaceSettings(every=every, gap=0, smooth=0))
    assert looked == list(range(0, 11, every))
    assert boxes == [pytest.approx(moving(min(step, looked[-1]))) for step in range(11)]


def test_the_face_of_the_setting_is_picked():
    frames = [[moving(0)], [moving(1), LARGE], [moving(2), LARGE, (90, 20, 110, 40)]]
    for pick, expected in (("track", [moving(0), moving(1), moving(2)]), ("largest", [moving(0), LARGE, LARGE]),
                           ("central", [moving(0), LARGE, (90, 20, 110, 40)])):
        assert found(frames, FaceSettings(every=1, gap=0, smooth=0, pick=pick))[0] == expected


@pytest.mark.parametrize("every, gap, expected", [
    (1, 2, "SSLLL"), (1, 4, "SSSLLL"), (3, 0, "SSS.LLL"), (4, 5, "SSSS.LLLL"), (1, 0, "S.LLL")])
def test_another_face_is_taken_when_the_first_was_away_for_longer_than_its_gap(every, gap, expected):
    boxes, _ = found([[moving(0)]] + [[LARGE]] * 20, FaceSettings(every=every, gap=gap, smooth=0))
    assert boxes == [{"S": moving(0), "L": LARGE, ".": None}[sign] for sign in expected.ljust(21, "L")]


def test_gaps_are_bridged_and_boxes_smoothed_by_the_settings():
    frames = [[moving(step)] if step not in (4, 5, 6) else [] for step in range(10)]
    bridged = found(frames, FaceSettings(every=1, gap=3, smooth=0))[0]
    assert bridged == [pytest.approx(moving(step)) for step in range(10)]
    assert found(frames, FaceSettings(every=1, gap=2, smooth=0))[0][3:8] == [moving(3), None, None, None, moving(7)]
    shaking = [[(10 + step % 2 * 4, 10, 30 + step % 2 * 4, 30)] for step in range(20)]
    lefts = [box[0] for box in found(shaking, FaceSettings(every=1, gap=0, smooth=4))[0]]
    assert max(lefts[4:-4]) - min(lefts[4:-4]) < 0.5 and np.mean(lefts) == pytest.approx(12, abs=0.1)


def test_frames_are_looked_at_as_they_are_asked_for():
    detector, settings = Bright(PLAIN), FaceSettings(every=3, gap=10, smooth=4)
    many = (Moment(picture(number % 256, moving(0)), number, number / 25) for number in range(1000))
    assert [moment.number for moment, _ in islice(find_faces(many, detector, settings), 10)] == list(range(10))
    assert detector.looked == [0, 3, 6, 9, 12, 15, 18, 21]  # the tenth waits for 14 more
    assert next(many).number == 24


def test_a_second_detector_stands_in_by_its_name(monkeypatch, tmp_path):
    monkeypatch.setitem(DETECTORS, "bright", Bright)
    settings = FaceSettings(detector="bright", every=1, gap=0, smooth=0)
    for number in range(3):
        write_image(tmp_path / f"{number}.png", np.ascontiguousarray(picture(0, moving(number))[..., ::-1]))
    frames = find_faces(Stream(tmp_path), DETECTORS[settings.detector](settings), settings)
    assert [box for _, box in frames] == [moving(0), moving(1), moving(2)]
    unsure = FaceSettings(detector="bright", min_score=0.95)
    assert [box for _, box in find_faces(Stream(tmp_path), DETECTORS["bright"](unsure), unsure)] == [None] * 3


def test_a_real_face_is_held_through_a_real_film(shared, yunet):
    settings = FaceSettings(detector_model=yunet)
    detector = YuNet(settings)
    frames = list(find_faces(Stream(shared("face-videos/single_face.mp4")), detector, settings))
    assert len(frames) == 72
    for moment, box in frames[::5]:  # of those two in three were not looked into
        (face,) = detector(moment.pixels)
        assert overlap(face.box, box) > 0.8
    steps = np.abs(np.diff([box for _, box in frames], axis=0))
    assert steps.max() < 8  # of a face of 150 pixels


def test_no_face_is_found_where_there_is_none(shared, yunet):
    settings = FaceSettings(detector_model=yunet)
    source = islice(Stream(shared("face-videos/no_face.mp4")), 40)
    assert {box for _, box in find_faces(source, YuNet(settings), settings)} == {None}
