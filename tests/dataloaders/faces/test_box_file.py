import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.boxes import Boxes
from dataloaders.faces.box_file import BoxFile
from dataloaders.faces.clip_faces import ClipFaces
from utils.config import FaceSettings
from utils.errors import UserError

SETTINGS = FaceSettings()
FOUND = [
    ClipFaces("a/1.avi", {"3": [1.0, 2.0, 30.5, 40.0], "10": [5.0, 6.0, 70.0, 80.0]}, 9, 2, ["video file cut short"]),
    ClipFaces("b/2", {}, 5), ClipFaces("c/3.avi", bad="the file is empty")]


def searched(path: Path, found: list[ClipFaces], settings: FaceSettings = SETTINGS) -> BoxFile:
    box_file = BoxFile(path, settings)
    box_file.add(iter(found))
    box_file.write()
    return box_file


def test_what_was_found_becomes_what_training_reads(tmp_path):
    box_file = searched(tmp_path / "new" / "faces.json", FOUND)
    table = {"a/1.avi": FOUND[0].boxes, "b/2": {}}
    assert json.loads(box_file.path.read_text(encoding="utf-8")) == table
    boxes = Boxes(box_file.path)
    assert boxes.get("a/1.avi", 3) == (1, 2, 30.5, 40) and boxes.get("a/1.avi", 99) == (5, 6, 70, 80)
    assert not boxes.borrowed("a/1.avi", 10) and not boxes.has("b/2") and not boxes.has("c/3.avi")
    assert list(BoxFile(box_file.path, SETTINGS)) == FOUND
    assert sorted(path.name for path in box_file.path.parent.iterdir()) == ["faces.json", "faces.jsonl"]


def test_of_no_clip_it_is_an_empty_table(tmp_path):
    assert Boxes(searched(tmp_path / "a.json", []).path).table == {}
    assert Boxes(searched(tmp_path / "b.json", FOUND[2:]).path).table == {}


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
BOX = st.lists(st.floats(-9e5, 9e5), min_size=4, max_size=4)
BOXES = st.dictionaries(st.integers(0, 999).map(str), BOX, max_size=4)
CLIPS = st.lists(st.builds(ClipFaces, NAMES, BOXES, st.integers(0, 99), st.integers(0, 9), st.lists(NAMES, max_size=2),
                           st.just("") | NAMES), max_size=5, unique_by=lambda found: found.id)


@given(CLIPS, st.data())
def test_killed_at_any_byte_it_goes_on_and_comes_to_the_same(scratch, found, data):
    """Whatever the names hold: quotes, line ends, braces."""
    path, lines = scratch / "faces.json", scratch / "faces.jsonl"
    for old in (path, lines):
        old.unlink(missing_ok=True)
    searched(path, found)
    whole = path.read_bytes(), lines.read_bytes()
    assert json.loads(whole[0]) == {of_clip.id: of_clip.boxes for of_clip in found if not of_clip.bad}
    cut = data.draw(st.integers(0, len(whole[1])))
    lines.write_bytes(whole[1][:cut])
    path.unlink()
    kept = list(BoxFile(path, SETTINGS))
    assert kept == found[: max(whole[1][:cut].count(b"\n") - 1, 0)]
    searched(path, found[len(kept):])
    assert (path.read_bytes(), lines.read_bytes()) == whole


def test_each_clip_stands_in_the_file_before_the_next_is_searched(tmp_path):
    """So that a killed search, which ends in no good order, loses one at most."""
    box_file, lines = BoxFile(tmp_path / "faces.json", SETTINGS), []

    def search():
        for of_clip in FOUND:
            lines.append(box_file.lines.read_bytes().count(b"\n"))
            yield of_clip

    box_file.add(search())
    assert lines == [0, 2, 3]  # the settings stand in the first


OTHER = dict(detector="another", min_score=0.5, pick="central", every=1, gap=0, smooth=0)


@pytest.mark.parametrize("name", [field.name for field in fields(FaceSettings)])
def test_other_settings_do_not_go_on(tmp_path, name):
    box_file = searched(tmp_path / "faces.json", FOUND)
    before = box_file.lines.read_bytes()
    if name == "detector_model":  # the same network may lie elsewhere
        assert list(BoxFile(box_file.path, replace(SETTINGS, detector_model=Path("moved.onnx")))) == FOUND
        return
    with pytest.raises(UserError) as error:
        BoxFile(box_file.path, replace(SETTINGS, **{name: OTHER[name]}))
    flag, value = f"--{name.replace('_', '-')}", getattr(SETTINGS, name)
    assert str(error.value).startswith(f"{box_file.lines}: begun with other settings ({flag} {value}); give these")
    assert box_file.lines.read_bytes() == before


@pytest.mark.parametrize("content", [
    b"no lines", b'{"clip": 1}\n{"clip": 2}', b'{"clip": 1}', b"[1]\n", b"\n", b"\xff\xfe\n\0", b'{"faces": [1]}\n{}',
    b'{"faces": 3}', b'{"faces": {"every": "3"', b'"faces"\n'])
def test_somebodys_own_lines_are_refused_and_stay_as_they_are(tmp_path, content):
    (tmp_path / "mine.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=r"mine.jsonl: not a file of `faces`; give another --output"):
        BoxFile(tmp_path / "mine.json", SETTINGS)
    assert (tmp_path / "mine.jsonl").read_bytes() == content


def test_a_box_file_that_was_not_begun_here_is_not_written_over(tmp_path):
    (tmp_path / "faces.json").write_text('{"a": [1, 2, 3, 4]}')
    with pytest.raises(UserError, match=r"there already, and not begun by `faces` \(faces.jsonl is not beside it\)"):
        BoxFile(tmp_path / "faces.json", SETTINGS)


@pytest.mark.parametrize("name", ["faces.jsonl", "faces.html", "faces", "faces.txt"])
def test_a_name_that_its_companions_could_take_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=f"{re.escape(name)}: the name of a box file must end in .json"):
        BoxFile(tmp_path / name, SETTINGS)


@pytest.mark.parametrize("line", ["no JSON", "[]", "3", '{"id": "x", "colour": 1}', "{}"])
def test_a_damaged_line_is_named(tmp_path, line):
    box_file = searched(tmp_path / "faces.json", FOUND)
    lines = box_file.lines.read_text().splitlines()
    box_file.lines.write_text("\n".join([*lines[:2], line, *lines[3:]]) + "\n")
    with pytest.raises(UserError, match=r"faces.jsonl:3: damaged; delete this line, and its clip is searched again"):
        list(BoxFile(box_file.path, SETTINGS))


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="faces.jsonl: cannot be written: "):
        searched(tmp_path / "file" / "faces.json", FOUND)


def test_the_old_box_file_stands_until_the_new_one_is_whole(tmp_path):
    box_file = searched(tmp_path / "faces.json", FOUND[:1])
    before = box_file.path.read_bytes()
    box_file.lines.write_text(box_file.lines.read_text() + "damaged\n")
    with pytest.raises(UserError):
        box_file.write()
    assert box_file.path.read_bytes() == before
