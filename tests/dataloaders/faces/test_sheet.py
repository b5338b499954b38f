from collections import Counter

import numpy as np
import pytest

from dataloaders.faces.clip_faces import ClipFaces
from dataloaders.faces.sheet import FRAMES, GROUP, LINE, SIDE, face_sheet
from tests.dataloaders.faces.squares import frame, square, write_clip
from utils.sheets import FaceSheet


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Clips of 1, 4 and 5 frames, numbered from 10 in steps of 2 where they are files."""
    root = tmp_path_factory.mktemp("clips")
    made = {name: write_clip(root / name, [frame(place) for place in range(count)], first=10, step=2)
            for name, count in (("image.png", 1), ("folder", 4), ("video.avi", 5))}
    return made | {"gone": root / "gone.avi"}


def of_clip(name, boxes, frames, most=1, **more):
    return ClipFaces(name, {str(number): square(place) for number, place in boxes.items()}, frames, most, **more)


def test_clips_are_counted_by_what_was_found(paths):
    sheet = face_sheet([
        of_clip("folder", {}, 4, 0), of_clip("video.avi", {number: number for number in range(5)}, 5, 3),
        of_clip("image.png", {0: 0}, 1, notes=["breaks off"]), ClipFaces("gone", bad="no such file"),
        of_clip("of another recipe", {0: 0}, 99)], paths)
    assert (sheet.clips, sheet.frames, sheet.with_box) == (4, 10, 6)
    assert sheet.counts == {"No face": 1, "Several faces": 1, "One face": 1}
    assert sheet.bad == {"gone": "no such file"} and sheet.notes == Counter({"breaks off": 1})
    assert {name: [clip.id for clip in clips] for name, clips in sheet.groups.items()} == {
        "No face": ["folder"], "Gaps": [], "Several faces": ["video.avi"], "One face": ["image.png"]}


@pytest.mark.parametrize("boxes, most, group", [
    (0, 0, "No face"), (0, 4, "No face"), (89, 1, "Gaps"), (89, 2, "Gaps"), (90, 1, "One face"),
    (90, 2, "Several faces"), (100, 1, "One face"), (100, 2, "Several faces")])
def test_the_kinds_of_a_clip(paths, boxes, most, group):
    sheet = face_sheet([of_clip("image.png", dict.fromkeys(range(boxes), 0), 100, most)], paths)
    assert sheet.counts == {group: 1} and [clip.id for clip in sheet.groups[group]] == ["image.png"]


def test_of_nothing_it_is_empty():
    assert face_sheet([], {}) == FaceSheet(groups={"No face": [], "Gaps": [], "Several faces": [], "One face": []})


def assert_drawn(picture: np.ndarray, place: int, boxed: bool):
    """The frame at 240 / 128 of its size, and on the edges of the box a line of 2 pixels."""
    assert picture.shape == (SIDE // 2, SIDE, 3)
    x1, y1, x2, y2 = (round(side * SIDE / 128) for side in square(place))
    on_line = (np.abs(picture.astype(int) - LINE).max(axis=-1) <= 1)
    edges = [on_line[y1, x1:x2], on_line[y2, x1:x2], on_line[y1:y2, x1], on_line[y1:y2, x2]]
    assert all(edge.all() == edge.any() == boxed for edge in edges)
    inside = picture[y1 + 4 : y2 - 3, x1 + 4 : x2 - 3]
    assert inside.min() > 200 and on_line.sum() <= 2 * 3 * (x2 - x1 + y2 - y1 + 6)
    assert (picture[: y1 - 4] < 60).all() and (picture[y2 + 4 :] < 60).all()


@pytest.mark.parametrize("name, boxes, frames, shown", [
    ("image.png", {0: 0}, 1, [(0, True)]), ("image.png", {}, 1, [(0, False)]),
    ("video.avi", {0: 0, 2: 2, 4: 4}, 5, [(0, True), (2, True), (4, True)]),
    ("video.avi", {2: 2}, 5, [(0, False), (2, True), (4, False)]),
    ("folder", {10: 0, 12: 1, 14: 2, 16: 3}, 4, [(0, True), (2, True), (3, True)]),
    ("folder", {0: 0, 3: 3, 14: 2}, 4, [(0, False), (2, True), (3, False)])])
def test_pictures_at_even_distances_with_the_box_of_their_own_number(paths, name, boxes, frames, shown):
    sheet = face_sheet([of_clip(name, boxes, frames)], paths)
    (clip,) = [clip for clips in sheet.groups.values() for clip in clips]
    assert len(clip.pictures) == len(shown) <= FRAMES and clip.note == f"{len(boxes)} of {frames} frames"
    for picture, (place, boxed) in zip(clip.pictures, shown):
        assert_drawn(picture, place, boxed)


def test_several_faces_are_noted_and_a_clip_that_went_since(paths):
    sheet = face_sheet([of_clip("video.avi", {0: 0}, 1, most=3), of_clip("gone", {0: 0}, 1)], paths)
    assert sheet.groups["Several faces"][0].note == "1 of 1 frames, up to 3 faces"
    (gone,) = sheet.groups["One face"]
    assert (gone.note, gone.pictures) == ("no such file", [])


def test_of_many_clips_a_few_are_shown_late_ones_among_them(paths):
    names = {f"{number:04}": paths["image.png"] for number in range(1, 1001)}
    sheet = face_sheet([of_clip(name, {0: 0}, 1) for name in names], names)
    shown = [int(clip.id) for clip in sheet.groups["One face"]]
    assert sheet.counts == {"One face": 1000} and len(shown) == GROUP and len(set(shown)) == GROUP
    assert max(shown) > 500 and sum(number > 30 for number in shown) >= 4
