import os

import cv2
import numpy as np
import pytest

from dataloaders.clips import Clip
from dataloaders.faces import DETECTORS, clip_faces
from dataloaders.faces.clip_faces import ClipFaces, box_of, faces_of_clip, find_in_clips
from dataloaders.faces.detector import YuNet
from dataloaders.faces.pick import overlap
from dataloaders.readers import read_clip
from dataloaders.stream import Stream
from tests.dataloaders.faces.squares import PLAIN, Squares, frame, square, write_clip
from tests.dataloaders.footage import write_image
from tests.dataloaders.watched import watched_reads
from utils.config import FaceSettings

EACH = FaceSettings(**PLAIN)


def found(path, settings=EACH) -> ClipFaces:
    return faces_of_clip(Clip("the/clip", path, 0), Squares(settings), settings)


@pytest.mark.parametrize("name, numbers", [
    ("clip.avi", [0, 1, 2, 3]), ("clip", [40, 43, 46, 49]), ("clip.png", [0])])
def test_each_frame_has_its_box_under_its_own_number(tmp_path, name, numbers):
    path = write_clip(tmp_path / name, [frame(place) for place in (0, 1, 5, 7)], first=40, step=3)
    boxes = {str(number): square(place) for number, place in zip(numbers, (0, 1, 5, 7))}
    assert found(path) == ClipFaces("the/clip", boxes, len(numbers), 1)
    assert read_clip(path, lambda count: list(range(count))).numbers == numbers  # which is how training asks


def test_frames_without_a_face_and_with_several(tmp_path):
    path = write_clip(tmp_path / "clip", [frame(), frame(0, 2, 6), frame(4), frame()])
    of_clip = found(path)
    assert set(of_clip.boxes) == {"1", "2"} and (of_clip.frames, of_clip.most) == (4, 3)
    assert of_clip.share == 0.5 and ClipFaces("x").share == 0
    assert box_of(of_clip, 2) == tuple(square(4)) and box_of(of_clip, 0) is None
    none = found(write_clip(tmp_path / "none", [frame()] * 3))
    assert none == ClipFaces("the/clip", {}, 3, 0)


def test_the_settings_reach_the_search(tmp_path):
    path = write_clip(tmp_path / "clip", [frame(2), frame(), frame(), frame(2), frame(), frame(), frame()])
    assert set(found(path).boxes) == {"0", "3"}
    assert set(found(path, FaceSettings(**PLAIN | {"gap": 2})).boxes) == {"0", "1", "2", "3"}
    assert found(path, FaceSettings(**PLAIN | {"min_score": 0.95})).boxes == {}


def test_boxes_of_a_frame_that_is_read_smaller_are_in_pixels_of_the_file(tmp_path):
    large = cv2.resize(frame(5), (128 * 30, 64 * 30), interpolation=cv2.INTER_NEAREST)  # read at 1920 pixels
    assert found(write_image(tmp_path / "large.png", large)).boxes == {"0": [30 * side for side in square(5)]}


def test_boxes_are_rounded_to_a_tenth_of_a_pixel(tmp_path):
    path = write_clip(tmp_path / "clip", [np.roll(frame(0), shift, axis=1) for shift in (0, 9, 9, 4)])
    boxes = found(path, FaceSettings(**PLAIN | {"every": 3})).boxes  # of the frames that are not looked into: 4/3, 8/3
    assert [box[0] for box in boxes.values()] == [0, 1.3, 2.7, 4] and boxes["2"] == [2.7, 16, 18.7, 32]


@pytest.mark.parametrize("content, reason", [(None, "no such file"), (b"", "the file is empty"),
                                             (b"no video" * 40, "not a video, or no frame can be decoded")])
def test_a_clip_that_cannot_be_read_says_why(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "clip.avi").write_bytes(content)
    assert found(tmp_path / "clip.avi") == ClipFaces("the/clip", bad=reason)


def test_what_the_reader_notes_is_kept(tmp_path):
    whole = write_clip(tmp_path / "clip.avi", [frame(place) for place in range(8)]).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) * 3 // 4])
    of_clip = found(tmp_path / "cut.avi")
    assert "video file cut short" in of_clip.notes and 1 <= of_clip.frames < 8 and not of_clip.bad


# Many clips


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Clip]:
    """Videos, folders, images, and one that cannot be read."""
    root = tmp_path_factory.mktemp("clips")
    for number in range(9):
        suffix = (".avi", "", ".png")[number % 3]
        write_clip(root / f"{number}{suffix}", [frame(number), frame(number + 1)])
    (root / "3.avi").write_bytes(b"")
    return [Clip(path.name, path, 0) for path in sorted(root.iterdir())]


@pytest.fixture
def squares(monkeypatch):
    monkeypatch.setitem(DETECTORS, "yunet", Squares)


@pytest.mark.parametrize("jobs", [0, 1, 2])
def test_processes_change_nothing(clips, squares, jobs):
    every = list(find_in_clips(clips, EACH, jobs, timeout=60))
    assert every == [faces_of_clip(clip, Squares(EACH), EACH) for clip in clips]
    assert [of_clip.id for of_clip in every] == [clip.id for clip in clips]
    assert [of_clip.id for of_clip in every if of_clip.bad] == ["3.avi"]


def test_each_clip_is_given_as_soon_as_it_is_searched(clips, monkeypatch):
    begun = []
    monkeypatch.setitem(DETECTORS, "yunet", lambda settings: begun.append("detector") or Squares(settings))
    monkeypatch.setattr(clip_faces, "faces_of_clip", lambda clip, *_: begun.append(clip.id) or ClipFaces(clip.id))
    search = find_in_clips(clips, EACH, 0, timeout=60)
    assert next(search).id == clips[0].id and begun == ["detector", clips[0].id]
    assert [of_clip.id for of_clip in search] == begun[2:] and begun.count("detector") == 1


def test_a_clip_that_brings_its_process_down_is_bad(clips, squares, monkeypatch):
    honest = faces_of_clip
    monkeypatch.setattr(clip_faces, "faces_of_clip",
                        lambda clip, *rest: os._exit(7) if clip.id == "5.png" else honest(clip, *rest))
    every = {of_clip.id: of_clip for of_clip in find_in_clips(clips, EACH, 1, timeout=60)}
    assert list(every) == [clip.id for clip in clips]
    assert every["5.png"].bad == "a loader process died while reading it"
    assert {name for name, of_clip in every.items() if of_clip.bad} == {"3.avi", "5.png"}


def test_a_clip_that_hangs_is_watched_for_in_the_main_process_too(clips, squares, monkeypatch):
    watched = watched_reads(monkeypatch, clip_faces)
    list(find_in_clips(clips, EACH, 0, timeout=7))
    assert watched == [(7, clip.id) for clip in clips]


# Real faces


def test_a_real_face_and_a_film_without_one(shared, yunet):
    settings = FaceSettings(detector_model=yunet)
    detector = YuNet(settings)
    with_face, without = (faces_of_clip(Clip(name, shared(f"face-videos/{name}"), 0), detector, settings)
                          for name in ("single_face.mp4", "no_face.mp4"))
    assert (with_face.frames, with_face.most, len(with_face.boxes)) == (72, 1, 72)
    for moment in Stream(shared("face-videos/single_face.mp4")):
        if moment.number % 24 == 10:  # the search did not look into these
            (face,) = detector(moment.pixels)
            assert overlap(face.box, box_of(with_face, moment.number)) > 0.8
    assert without == ClipFaces("no_face.mp4", {}, 95, 0)


def test_the_largest_of_five_faces(shared, yunet):
    settings = FaceSettings(detector_model=yunet)
    of_clip = faces_of_clip(Clip("group", shared("face-videos/multi_face.jpg"), 0), YuNet(settings), settings)
    faces = YuNet(settings)(read_clip(shared("face-videos/multi_face.jpg"), lambda count: [0]).pixels[0])
    sizes = {face.box: (face.box[2] - face.box[0]) * (face.box[3] - face.box[1]) for face in faces}
    assert (of_clip.frames, of_clip.most, len(faces)) == (1, 5, 5)
    assert np.allclose(of_clip.boxes["0"], max(sizes, key=sizes.get), atol=0.05)
